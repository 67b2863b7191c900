"""A data file with the same bytes in another place is the same data: a run goes on with it, and with no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from progressive_core.engine.run import Interrupted
from progressive_front.cli import main
from progressive_training import ConfigError, DataError, RunError

CONTENT = b"any bytes: these buckets do not read them"


def read(run: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((run / name).read_text())
    return value


def models(run: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted((run / "models").glob("*/model.safetensors"))}


@pytest.fixture
def stopped(workshop: Any) -> Any:
    """The workshop, with a finished run "whole" and the same one as "run", stopped in its second bucket."""
    (workshop.directory / "bars.csv").write_bytes(CONTENT)
    data = str(workshop.directory / "bars.csv")
    workshop.trainer("whole", DATA=data).train_progressively()
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(DATA=data).train_progressively()
    workshop.stop_at = ""
    return workshop


@pytest.mark.parametrize("copied", [False, True])
def test_the_same_bytes_elsewhere_are_a_change_of_place_only(stopped: Any, copied: bool) -> None:
    old, new, run = stopped.directory / "bars.csv", stopped.directory / "moved.dat", stopped.directory / "run"
    new.write_bytes(CONTENT)
    if not copied:
        old.unlink()
    said: list[str] = []
    stopped.trainer().resume({"DATA": new}, on_message=said.append)
    assert any(line.startswith("DATA ") and "the same bytes in another place" in line for line in said)
    assert models(run) == models(stopped.directory / "whole")
    manifest = read(run, "manifest.json")
    assert manifest["inputs"]["DATA"]["file"] == str(new) and manifest["inputs"]["DATA"]["moved_from"] == [str(old)]
    assert manifest["changes"] == [] and read(run, "config.json")["DATA"] == str(new)
    old.unlink(missing_ok=True)
    stopped.trainer().resume({"SEQUENCE": ["First", "Second", "Third"]})  # it stays there


def test_a_file_that_is_gone_is_asked_for_and_the_command_line_takes_its_new_place(
    stopped: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, run = stopped.directory / "bars.csv", stopped.directory / "moved.csv", stopped.directory / "run"
    old.rename(new)
    with pytest.raises(RunError, match=r"bars.csv is gone; .*--data PLACE.*settings=\{\"DATA\": PLACE\}"):
        stopped.trainer().resume()
    assert read(run, "state.json")["status"] == "interrupted"
    quiet = ["--resume", "--run-dir", str(run), "-p", "no:console"]
    assert main([*quiet, "--data", str(new)]) == 0
    assert models(run) == models(stopped.directory / "whole")
    assert "same bytes in another place" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [(CONTENT + b"!", "its buckets learn from these bars"), (None, r"there is no such file\. Give its right place$")],
)
def test_other_bytes_are_refused_as_before(stopped: Any, content: bytes | None, why: str) -> None:
    new, run = stopped.directory / "other.csv", stopped.directory / "run"
    if content is not None:
        new.write_bytes(content)
    before = read(run, "manifest.json")
    with pytest.raises(ConfigError, match=rf"cannot go on so: DATA .*: {why}"):
        stopped.trainer().resume({"DATA": str(new)})
    assert read(run, "manifest.json") == before


def test_a_file_that_changed_where_it_was_is_refused_whatever_its_copy_holds(stopped: Any) -> None:
    (stopped.directory / "bars.csv").write_bytes(b"others")
    with pytest.raises(RunError, match=r"bars\.csv has changed since"):
        stopped.trainer().resume()
    (stopped.directory / "copy.csv").write_bytes(CONTENT)
    stopped.trainer().resume({"DATA": str(stopped.directory / "copy.csv")})
    assert models(stopped.directory / "run") == models(stopped.directory / "whole")


def test_a_file_that_cannot_be_read_is_named(stopped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    new, opened = stopped.directory / "moved.csv", Path.open
    new.write_bytes(CONTENT)

    def refused(path: Path, *arguments: Any, **more: Any) -> Any:
        if path == new:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match=r"moved\.csv: cannot be read \(Permission denied\)"):
        stopped.trainer().resume({"DATA": str(new)})


def test_a_fork_with_the_file_elsewhere_is_a_copy_that_goes_on(stopped: Any) -> None:
    new = stopped.directory / "moved.csv"
    (stopped.directory / "bars.csv").rename(new)
    stopped.trainer().resume({"DATA": str(new)}, fork=True)
    (fork,) = (stopped.directory / "runs").iterdir()
    assert models(fork) == models(stopped.directory / "whole")
    assert read(fork, "manifest.json")["inputs"]["DATA"]["file"] == str(new)


def test_scratch_arms_stay_comparable_when_the_file_has_moved(stopped: Any) -> None:
    new = stopped.directory / "moved.csv"
    (stopped.directory / "bars.csv").rename(new)
    said: list[str] = []
    stopped.trainer().resume({"DATA": str(new)}, scratch_arms=True, on_message=said.append)
    assert not any("not due to transfer alone" in line for line in said)
