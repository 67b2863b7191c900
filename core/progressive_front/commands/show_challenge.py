"""`challenge`: how the strategies of a run break."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.machine.logs import configure_logging, get_logger
from progressive_app.machine.terminal import print_text
from progressive_app.store.progress import finished_results, read_progress
from progressive_core import PROGRAM
from progressive_core.contract.errors import RunError
from progressive_front.commands.named_run import run_and_bucket, run_directory
from progressive_front.load_model import load_model
from progressive_front.output import show_json, stdout_reserved
from progressive_studies.challenge.challenge_files import write_challenge
from progressive_studies.challenge.challenge_tables import sections_of
from progressive_studies.challenge.challenging import Challenge
from progressive_studies.challenge.run_challenge import challenge_run
from progressive_studies.study.study_plan import PLAN, RUNS, STUDIES
from progressive_studies.transfer_report.tables import as_text

log = get_logger()


def show_challenge(run: Path, flags: Mapping[str, Any], config: Path | None, asked: Challenge, *, as_json: bool) -> int:
    """Attack the strategies of a run, show what breaks them, and write it beside the run's models.

    :param run: the run's directory, or its name in RUNS_DIR; or RUN/Bucket.
    :raise RunError: there is no run, or nothing can be written. :raise DataError: its bars have changed. :raise ModelError: none of its
        models can be challenged.
    """
    configure_logging()
    directory, bucket = run_and_bucket(run, asked.bucket, lambda each: _directory(each, flags, config), _finished)
    if read_progress(directory).status != "finished":
        log.warning("this run is not finished: the buckets that are finished are challenged")
    with stdout_reserved(), _progress() as progress:
        document = challenge_run(directory, load_model, evolve(asked, bucket=bucket, progress=progress))
    written = write_challenge(document, directory)
    if as_json:
        return show_json(document)
    print_text("\n".join([as_text(sections_of(document)), "", "written:", *map(str, written)]))
    return 0


def _finished(directory: Path) -> list[str]:
    return [result.bucket for result in finished_results(directory)]


def _directory(run: Path, flags: Mapping[str, Any], config: Path | None) -> Path:
    """The run's directory.

    :raise RunError: there is none, or it is that of a study or a walk-forward.
    """
    for directory in (run, STUDIES / run):
        if (directory / PLAN).is_file():
            runs = sorted(each for each in (directory / RUNS).glob("*") if (each / "state.json").is_file())
            example = runs[-1] if runs else directory / RUNS / "NAME"
            raise RunError(
                f"{directory}: a study or walk-forward of several runs; challenge one of them, like `{PROGRAM} challenge {example}`"
            )
    return run_directory(run, config, flags)


@contextmanager
def _progress() -> Iterator[Callable[[str, str], None]]:
    """Shows on a terminal which bucket is attacked by what; nothing elsewhere."""
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text("reading the bars")) as status:
        yield lambda bucket, attack: status.update(Text(f"{bucket}: {attack}"))
