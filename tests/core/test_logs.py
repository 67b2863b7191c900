"""Log events: where a user and a later reader find them."""

import json
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from progressive_app.machine.logs import configure_logging, log_to
from progressive_training import get_logger


@pytest.fixture(autouse=True)
def _fresh_structlog() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, Any]]:
    """The events in a log file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_all_events_reach_the_file_and_warnings_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    log = structlog.get_logger("progressive_training")
    with log_to(tmp_path / "log.jsonl"):
        log.info("resumed", bucket="Long", path=Path("runs"), score=float("nan"))
        log.warning("the market is synthetic", bars=60_000, note="two\nlines")
    log.info("after the run")
    assert [line["event"] for line in lines(tmp_path / "log.jsonl")] == ["resumed", "the market is synthetic"]
    assert lines(tmp_path / "log.jsonl")[0].items() >= {"path": "runs", "score": None, "level": "info"}.items()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "progressive-training: warning: the market is synthetic (bars=60000, note=two\\nlines)\n"


def test_what_every_bucket_has_to_say_is_told_once_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    for run in ("one", "two"):
        with log_to(tmp_path / run):
            for _ in range(4):
                structlog.get_logger().warning("the market is synthetic")
        assert len(lines(tmp_path / run)) == 4
    assert capsys.readouterr().err.count("the market is synthetic") == 2


def test_an_exception_is_kept_in_full(tmp_path: Path) -> None:
    log = structlog.get_logger()
    with log_to(tmp_path / "log.jsonl"):
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("a strategy failed")
    assert "ValueError: broken" in lines(tmp_path / "log.jsonl")[0]["exception"]


def test_an_application_keeps_its_own_logging_and_the_file_is_written_too(tmp_path: Path) -> None:
    seen: list[str] = []

    def own(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        seen.append(event["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[own])
    with log_to(tmp_path / "log.jsonl"):
        structlog.get_logger().info("resumed")
    structlog.get_logger().info("after the run")
    assert seen == ["resumed", "after the run"]
    assert structlog.get_config()["processors"] == [own]
    assert lines(tmp_path / "log.jsonl")[0]["event"] == "resumed"


def test_a_trainer_configures_structlog_for_as_long_as_it_works(workshop: Any) -> None:
    configured: list[bool] = []
    trainer = workshop.trainer()
    assert not structlog.is_configured()
    hear = workshop.hear
    trainer._progress = lambda line: (configured.append(structlog.is_configured()), hear(line))
    trainer.train_progressively()
    assert configured and all(configured)
    assert not structlog.is_configured()


def test_a_log_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with log_to(tmp_path / "gone" / "log.jsonl"):
        structlog.get_logger().info("resumed")
        structlog.get_logger().info("resumed")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("log.jsonl: logging stops: No such file or directory")


def test_runs_in_several_threads_keep_their_own_logs_and_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    together = threading.Barrier(3)

    def train(run: str) -> None:
        with log_to(tmp_path / run):
            together.wait()
            structlog.get_logger().warning("the market is synthetic")
            structlog.get_logger().info("resumed", run=run)
            together.wait()

    threads = [threading.Thread(target=train, args=[run]) for run in ("one", "two")]
    for thread in threads:
        thread.start()
    together.wait()
    structlog.get_logger().info("of no run")
    together.wait()
    for thread in threads:
        thread.join()
    for run in ("one", "two"):
        assert [line["event"] for line in lines(tmp_path / run)] == ["the market is synthetic", "resumed"]
        assert lines(tmp_path / run)[1]["run"] == run
    assert capsys.readouterr().err.count("the market is synthetic") == 2


def test_a_thread_that_is_started_in_a_run_can_take_part_in_it(tmp_path: Path) -> None:
    log = structlog.get_logger()
    with log_to(tmp_path / "log.jsonl"):
        thread = threading.Thread(target=copy_context().run, args=[log.info, "written behind"])
        thread.start()
        thread.join()
    assert lines(tmp_path / "log.jsonl")[0]["event"] == "written behind"


def test_a_program_that_configured_no_logging_sees_warnings_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """It uses this package as a library, whose lines on stdout would be among its own."""
    log = get_logger()
    log.info("bars: 3,000", show=True)
    log.warning("a feature is of another version", installed="2.0")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == "progressive-training: warning: a feature is of another version (installed=2.0)\n"


def test_a_program_that_configures_logging_gets_every_line_whenever_it_does_so() -> None:
    log = get_logger()
    log.info("before")
    with capture_logs() as logs:
        log.info("bars", count=3_000)
    assert logs == [{"event": "bars", "count": 3_000, "log_level": "info"}]


def test_every_module_logs_this_way() -> None:
    """But the core's, which runs within a trainer alone."""
    root = Path(__file__).parents[2]
    made = [
        file.name
        for folder in ("core/progressive_*", "buckets", "plugins", "transfers")
        for file in root.glob(f"{folder}/**/*.py")
        if "structlog.get_logger(" in file.read_text() and "progressive_core" not in file.parts
    ]
    assert made == ["logs.py"]
