"""Every piece of code in the documents is run, or at least read by what would run it."""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import frozen

from progressive_front import training
from progressive_front.cli import main
from progressive_front.commands import train_search, train_study, train_walk
from progressive_front.commands.train_search import AskedTuning
from progressive_front.commands.train_study import AskedStudy, planned
from progressive_front.commands.train_walk import AskedWalk
from progressive_front.training import AskedTraining
from progressive_front.tune.planned_search import planned_search
from progressive_training import BucketInfo, Resources, resolve
from progressive_training.testing import check_plugin, check_transfer

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INCLUDED = re.compile(r"^<!-- code: (.+)\.(\w+) -->$", re.MULTILINE)
LANGUAGES = {"py": "python"}
GROUPS = {
    f"progressive_training.{kind}" for kind in ("buckets", "features", "regimes", "plugins", "transfers", "attacks")
}


@frozen
class Block:
    """A fenced piece of code, or a file that is shown as one."""

    document: str
    language: str
    code: str


def blocks_of(document: Path) -> Iterator[Block]:
    name, text = str(document.relative_to(ROOT)), document.read_text("utf-8")
    for language, code in BLOCK.findall(text):
        yield Block(name, {"sh": "bash"}.get(language, language), code)
    for stem, suffix in INCLUDED.findall(text):
        yield Block(name, LANGUAGES.get(suffix, suffix), (ROOT / f"{stem}.{suffix}").read_text("utf-8"))


BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]


def written_in(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def named_after_document(block: Block) -> str:
    return block.document


def test_each_piece_of_code_names_a_language_that_is_checked_here() -> None:
    assert {block.language for block in BLOCKS} <= {"python", "bash", "toml", "text", ""}


@pytest.fixture
def given(workplace: Path) -> dict[str, Any]:
    """What some code expects to be handed: the arguments of a bucket's `open`."""
    with chdir(workplace):
        settings = resolve()
    info = BucketInfo(
        name="Mine",
        horizons=(6, 24),
        sequence=("Mine",),
        episodes=2,
        seed=1,
        run_dir=workplace,
        settings=settings,
    )
    return {"info": info, "resources": Resources(device="cpu", parallel_episodes=4, batch_size=32)}


@pytest.mark.parametrize("document", sorted({block.document for block in written_in("python")}))
def test_the_python_of_a_document_runs_from_top_to_bottom(
    document: str, workplace: Path, given: dict[str, Any]
) -> None:
    names: dict[str, Any] = {**given, "__name__": "documented", "print": lambda *_: None}
    with chdir(workplace):
        for block in written_in("python"):
            if block.document == document:
                exec(compile(block.code, document, "exec"), names)
    if "result" in names:
        assert names["result"].verdict
        assert names["result"].test.loc[0, "strategy"] == names["result"].bucket
    if "answer" in names:
        answer, model = names["answer"], names["model"]
        assert answer.action == "flat" or model.reason is None or "strategy" in names
        assert set(answer.predictions) == set(model.card.horizons)
        assert answer.warnings == ()
        assert len(names["strategy"].trajectory(names["bars"])) == len(names["bars"])
    if {"transfer", "phases"} <= names.keys():
        check_transfer(plugin_of(names, "transfer", "phases"))
    for hook in {"on_bucket_start", "on_episode_end", "on_run_end"} & names.keys():
        check_plugin(plugin_of(names, hook, "settings"))


def plugin_of(names: Mapping[str, Any], *taken: str) -> ModuleType:
    """A module with some of the names that a document has defined."""
    plugin = ModuleType("documented")
    vars(plugin).update({name: names[name] for name in taken if name in names})
    return plugin


@pytest.mark.parametrize("block", written_in("toml"), ids=named_after_document)
def test_toml_declares_a_package_with_known_entry_points(block: Block) -> None:
    declared = tomllib.loads(block.code)
    assert declared["project"]["name"]
    assert set(declared["project"]["entry-points"]) <= GROUPS


# ---------------------------------------------------------------------- the command line


def commands_in(code: str) -> Iterator[list[str]]:
    """Each command of a shell script, as words."""
    for line in code.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word != "&&":
                words.append(word)
            elif words:
                yield words
                words = []


COMMANDS = sorted({(block.document, *words) for block in written_in("bash") for words in commands_in(block.code)})
PROGRAM = (
    ("progressive-training",),
    ("python", "-m", "progressive_training"),
    ("python", "progressive_training.py"),
)


def arguments_of(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """What is handed to our program, whose output may go to a file; None where another one is run."""
    words = words[: words.index(">")] if ">" in words else words
    return next((words[len(name) :] for name in PROGRAM if words[: len(name)] == name), None)


OURS = sorted({ours for _, *words in COMMANDS if (ours := arguments_of(tuple(words))) is not None})


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[AskedTraining]:
    """The trainings that are asked for; none is begun, and their settings are resolved as those of one would be."""
    trainings: list[AskedTraining] = []

    def train(asked: AskedTraining, **shown: bool) -> int:
        resolve(asked.config, asked.flags, plugins=asked.plugins)
        trainings.append(asked)
        return 0

    def study(asked: AskedStudy, *shown: object) -> int:
        return 0 if asked.resume or planned(asked).runs else 1

    def walk(asked: AskedWalk, *shown: object) -> int:
        resolve(asked.config, asked.flags, plugins=asked.plugins)
        return 0

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr("progressive_front.commands.download_bars.download_bars", lambda *_: 0)  # no exchange is asked
    monkeypatch.setattr(train_study, "train_study", study)

    def search(tuning: AskedTuning, *shown: object) -> int:
        settings = resolve(tuning.config, tuning.flags)
        return 0 if tuning.asked is None or planned_search(tuning.asked, settings, "documented").about else 1

    monkeypatch.setattr(train_walk, "train_walk", walk)
    monkeypatch.setattr(train_search, "train_search", search)
    return trainings


@pytest.mark.parametrize("arguments", OURS, ids=" ".join)
def test_the_program_takes_the_arguments_that_are_shown(
    arguments: tuple[str, ...], workplace: Path, trainings: list[AskedTraining], capsys: pytest.CaptureFixture[str]
) -> None:
    with chdir(workplace):
        assert main(arguments) == 0, capsys.readouterr().err


def shown_to_be(program: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    chosen = [(document, words) for document, *words in COMMANDS if words[0] == program]
    return pytest.mark.parametrize("words", sorted({tuple(words) for _, words in chosen}), ids=" ".join)


OTHERS = {"pip", "tensorboard", "mlflow", "pytest", "python", "git", "ruff", "mkdocs", "ray", ".", "eval", "docker"}


def test_no_other_program_is_shown() -> None:
    shown = {words[0] for _, *words in COMMANDS if arguments_of(tuple(words)) is None}
    assert {program for program in shown if "=" not in program} <= OTHERS


@shown_to_be("pip")
def test_pip_installs_extras_that_there_are(words: tuple[str, ...]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {name for word in words for found in re.findall(r"\[(.+)\]", word) for name in found.split(",")}
    assert asked <= set(extras)


@shown_to_be("python")
def test_python_runs_files_that_there_are_with_flags_that_they_take(words: tuple[str, ...]) -> None:
    if arguments_of(words) is not None or words[1] == "-m":
        return
    script = ROOT / words[1]
    assert script.is_file()
    source = "".join(file.read_text("utf-8") for file in script.parent.rglob("*.py"))
    assert [word for word in words[2:] if word.startswith("-") and f'"{word}"' not in source] == []


def test_every_benchmark_is_shown_with_its_command() -> None:
    scripts = [str(file.relative_to(ROOT)) for file in (ROOT / "benchmarks").rglob("*.py")]
    commands = [script for script in scripts if f"    python {script}" in (ROOT / script).read_text("utf-8")]
    shown = {word for document, *words in COMMANDS if document == "docs/numbers.md" for word in words}
    promised = set(re.findall(r"`python (\S+\.py)", (ROOT / "docs/numbers.md").read_text("utf-8")))
    assert len(commands) > 10
    assert set(commands) <= shown | promised


@shown_to_be("pytest")
def test_pytest_runs_tests_that_there_are(words: tuple[str, ...]) -> None:
    assert [word for word in words[1:] if "/" in word and not (ROOT / word).exists()] == []


# ---------------------------------------------------------------------- what a run leaves


def test_the_files_of_a_run_that_are_shown_are_those_that_it_leaves(workplace: Path) -> None:
    trees = [block.code for block in written_in("text", "") if block.code.startswith("runs/")]
    assert trees
    for tree in trees:
        first, *lines = tree.splitlines()
        for line in lines:
            for name in re.findall(r"^ {4}((?:[\w./-]+ )*[\w./-]+)", line)[0].split(" "):
                assert list((workplace / first.split()[0]).glob(name)), name
