"""A stranger's distribution, installed for one test: a .dist-info folder and its modules on sys.path."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from progressive_app.config.resolve import defaults
from progressive_training import ProgressiveTrainer

Install = Callable[..., None]
LINES = (Path(__file__).parent / "line_bucket.py").read_text()
WATCH = """
import json
from pathlib import Path
from progressive_training import hookimpl

SEEN = Path({seen!r})

def note(*what):
    with SEEN.open("a") as file:
        file.write(json.dumps(what) + "\\n")

@hookimpl
def on_bucket_start(bucket):
    note("start", bucket.name)

@hookimpl
def on_episode_end(bucket, episode):
    note("episode", bucket.name, episode.episode, [f"{{t.strategy}} {{t.phase}}" for t in episode.transfers])

@hookimpl
def cleanup(bucket, error):
    note("cleanup", bucket.name, repr(error))
"""
STRATEGY = """
from progressive_training import hookimpl

@hookimpl
def transfer(source, target, context):
    {body}
"""


class Workshop:
    """A working directory with the stranger's buckets installed, and every event of the runs in it."""

    def __init__(self, directory: Path, install: Callable[..., None]) -> None:
        self.directory, self.install = directory, install
        self.said: list[str] = []
        self._seen = directory / "seen.jsonl"
        buckets = {name: f"line_bucket:{name.lower()}" for name in ("First", "Second", "Third", "Stuck", "Lucky")}
        watch = WATCH.format(seen=str(self._seen))
        install("acme", buckets=buckets, plugins={"watch": "acme_watch"}, line_bucket=LINES, acme_watch=watch)

    def strategy(self, body: str) -> None:
        self.install("nudger", transfers={"nudge": "nudger_nudge"}, nudger_nudge=STRATEGY.format(body=body))

    def trainer(
        self,
        run: str | None = "run",
        plugins: tuple[Any, ...] = (),
        on_episode: Any = None,
        data: Any = None,
        workers: int = 1,
        **settings: Any,
    ) -> ProgressiveTrainer:
        asked = {
            "SEQUENCE": ("First", "Second"),
            "EPISODES": 4,
            "TRANSFER_COOLDOWN": 2,
            "DEVICE": "cpu",
            "RUNS_DIR": str(self.directory / "runs"),
            **settings,
        }
        run_dir = self.directory / run if run else None
        self.trained = ProgressiveTrainer(
            self.hear,
            settings={**defaults(), **asked},
            data=data,
            run_dir=run_dir,
            plugins=plugins if "report" in plugins else ("no:report", *plugins),
            on_episode=on_episode,
            workers=workers,
        )
        return self.trained

    def hear(self, line: str) -> None:
        self.said.append(line)
        if self.stop_at and self.stop_at in line:
            self.trained.interrupt()

    stop_at = ""

    @property
    def seen(self) -> list[list[Any]]:
        return [json.loads(line) for line in self._seen.read_text().splitlines()]

    def ledger(self, run: str = "run") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.directory / run / "ledger.jsonl").read_text().splitlines()]

    def verdicts(self, strategy: str, phase: str) -> list[str]:
        return [line["verdict"] for line in self.ledger() if (line["strategy"], line["phase"]) == (strategy, phase)]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install("acme", plugins={"watch": "acme_watch"}, acme_watch="...source...", version="1.2")`."""
    installed: list[str] = []

    def install(
        distribution: str,
        *,
        version: str = "1.2",
        buckets: Mapping[str, str] | None = None,
        transfers: Mapping[str, str] | None = None,
        plugins: Mapping[str, str] | None = None,
        features: Mapping[str, str] | None = None,
        regimes: Mapping[str, str] | None = None,
        attacks: Mapping[str, str] | None = None,
        **modules: str,
    ) -> None:
        root = tmp_path / distribution
        info = root / f"{distribution}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        groups = {
            "buckets": buckets,
            "transfers": transfers,
            "plugins": plugins,
            "features": features,
            "regimes": regimes,
            "attacks": attacks,
        }
        (info / "entry_points.txt").write_text(
            "".join(
                f"[progressive_training.{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
                for group, points in groups.items()
                if points
            )
        )
        for name, source in modules.items():
            (root / f"{name}.py").write_text(dedent(source))
            installed.append(name)
        monkeypatch.syspath_prepend(root)

    yield install
    for name in installed:
        sys.modules.pop(name, None)


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter, and give what it printed."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def workshop(tmp_path: Path, install: Callable[..., None]) -> Workshop:
    return Workshop(tmp_path, install)
