"""What neither a second name of a file nor a power cut may do to it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from progressive_app.store.documents import read_json_lines
from progressive_app.store.run_store import RunStore
from progressive_core.contract.errors import RunError
from progressive_core.contract.store import EpisodeLine
from progressive_front.cli import main
from progressive_training import Interrupted, make_directory, replacing

MINE = b'{"not": "yours"}\n' * 2000
"""A file of the user that a run from a stranger holds under a second name."""


def interrupted(workshop: Any) -> Path:
    """A run that was stopped behind its second episode, with lines after its last commit, as a kill leaves them."""

    def stop(_: object) -> None:
        trainer.interrupt()

    trainer = workshop.trainer(on_episode=stop, EPISODES=3)
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    directory: Path = workshop.directory / "run"
    for name in ("metrics.jsonl", "ledger.jsonl"):
        with (directory / name).open("ab") as file:
            file.write(b'{"after": "the commit"}\n')
    return directory


def files(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_a_snapshot_by_hard_links_stays_as_it_was(workshop: Any) -> None:
    run, snapshot = interrupted(workshop), workshop.directory / "snapshot"
    shutil.copytree(run, snapshot, copy_function=os.link)
    before = files(snapshot)
    workshop.trainer().resume()
    assert files(snapshot) == before
    assert (run / "metrics.jsonl").read_bytes() != (snapshot / "metrics.jsonl").read_bytes()
    RunStore.open(snapshot).close()  # and goes on by itself


@pytest.mark.parametrize("name", ["metrics.jsonl", "ledger.jsonl", "log.jsonl"])
def test_a_file_of_the_user_under_a_second_name_in_a_run_is_not_written_to(
    workshop: Any, tmp_path: Path, name: str
) -> None:
    run, mine = interrupted(workshop), tmp_path / "mine"
    content = (run / name).read_bytes() + MINE  # what is after the last commit is cut off
    mine.write_bytes(content)
    (run / name).unlink()
    (run / name).hardlink_to(mine)
    workshop.trainer().resume()
    assert mine.read_bytes() == content
    assert not mine.samefile(run / name)


def test_a_lock_that_is_a_second_name_of_a_file_is_refused(
    workshop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, mine = interrupted(workshop), tmp_path / "mine"
    mine.write_bytes(MINE)
    (run / ".lock").unlink()
    (run / ".lock").hardlink_to(mine)
    assert main(["--resume", "--run-dir", str(run)]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1].endswith(".lock: a second name of a file that is no lock; remove it")
    )
    assert main(["runs", "--set", f"RUNS_DIR={run.parent}"]) == 0
    assert "a file that is no lock" in capsys.readouterr().out
    assert mine.read_bytes() == MINE
    with pytest.raises(RunError, match="no lock"):
        RunStore.open(run)


def test_what_a_power_cut_left_of_lines_that_no_commit_counts_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(
        b'{"bucket": "Short", "best_score": 1.0, "episode": 1}\n' + bytes(4096) + b'te": 2}\n{"bucket": "Short"}\n'
    )
    assert [line["episode"] for line in read_json_lines(file, EpisodeLine)] == [1]


def test_a_plugin_replaces_a_file_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "new" / "below" / "levels.json"
    make_directory(file.parent)
    for text in ("first", "second"):
        with replacing(file) as (partial,):
            partial.write_text(text)
    with pytest.raises(ZeroDivisionError), replacing(file) as (partial,):
        partial.write_text(str(1 / 0))
    with pytest.raises(FileNotFoundError) as failed, replacing(file):
        pass  # nothing was written
    assert failed.value.filename == str(file)
    assert file.read_text() == "second"
    assert [path.name for path in file.parent.iterdir()] == ["levels.json"]
