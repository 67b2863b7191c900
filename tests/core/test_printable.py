"""Text from outside reaches a terminal without codes that it would obey: names of files, keys, columns, manifests, other people's errors."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import progressive_front
from progressive_front.cli import main
from progressive_studies.transfer_report.tables import Section, as_markdown
from progressive_training import ProgressiveTrainer, RunError
from progressive_training.presentation import html_text, page_environment, plain_text

HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e\rgone"
SHOWN = r"\x1b]0;owned\x07\x9b31m\u202e"


def codes_in(text: str) -> set[str]:
    return {letter for letter in text if not letter.isprintable() and letter != "\n"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "{}.csv"],
        ["--data", "{}/bars.csv", "--run-dir", "{}"],
        ["--config", "{}"],
        ["--config", "hostile.json"],
        ["--set", "{}=1"],
        ["--set", "DATA={}"],
        ["--set", 'TRANSFERS=["{}"]'],
        ["--set", "DEVICE={}"],
        ["--{}"],
        ["--bucket", "{}"],
        ["-p", "{}"],
        ["--resume", "--run-dir", "{}"],
        ["--transfer-from", "{}"],
        ["runs", "--set", "RUNS_DIR={}"],
        ["evaluate", "{}"],
        ["report", "{}"],
        ["signal", "{}", "--data", "{}"],
        ["transfer-report", "{}"],
        ["study", "{}", "--seeds", "{}"],
        ["study", "{}", "--set", "LEARNING_RATE={}"],
        ["walk-forward", "{}", "--data", "{}"],
        ["{}"],
    ],
)
def test_no_argument_reaches_the_terminal_as_it_is(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hostile.json").write_text(json.dumps({HOSTILE: HOSTILE}))
    assert main([word.format(HOSTILE) for word in arguments]) in (0, 2)
    out, err = capsys.readouterr()
    assert not codes_in(out + err)
    assert len(err.splitlines()) <= 1


def test_what_is_wrong_with_a_file_names_it_in_full(tmp_path: Path) -> None:
    with pytest.raises(RunError) as raised:
        ProgressiveTrainer(run_dir=tmp_path / HOSTILE).resume()
    assert SHOWN in str(raised.value)


def test_a_run_of_a_hostile_name_shows_and_logs_it_escaped(workshop: Any, capsys: Any) -> None:
    trainer = workshop.trainer(f"{HOSTILE}/run", plugins=("console",), EPISODES=1, SEQUENCE=("First",))
    trainer.train_progressively()
    run = trainer.run_dir
    with pytest.raises(RunError, match="not an empty directory") as raised:
        trainer.train_progressively()
    assert main(["--resume", "--run-dir", str(run), "-p", "no:report"]) == 0
    assert main(["runs", "--set", f"RUNS_DIR={run.parent}"]) == 0
    out, err = capsys.readouterr()
    for text in (out, str(raised.value), "".join(workshop.said)):
        assert SHOWN in text
        assert not codes_in(text)
    assert not codes_in(err + (run / "log.jsonl").read_text())


def test_commands_print_text_by_the_one_function_that_escapes_it() -> None:
    """And JSON, which has escapes of its own, by `print`."""
    bare = [
        f"{file.name}: {ast.unparse(node)}"
        for file in Path(progressive_front.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "traceback.print_exc")
        if not ast.unparse(node.args[0]).startswith(("json.dumps(", "f'{PROGRAM} {version"))
    ]
    assert bare == []


@pytest.mark.parametrize(
    "draw",
    [
        plain_text,
        html_text,
        lambda text: as_markdown(text, [Section(title=text, header=("A",), rows=((text,),), remark=text)]),
        lambda text: page_environment(Path()).from_string("<p>{{ text }}</p>").render(text=text),
    ],
    ids=["text", "notebook", "markdown", "page"],
)
def test_no_report_holds_such_codes(draw: Callable[[str], str]) -> None:
    drawn = draw(HOSTILE)
    assert "owned" in drawn
    assert not codes_in(drawn)
