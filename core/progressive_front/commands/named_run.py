"""What a command line names: a run, those of its buckets whose models can be used, and a file of bars."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from progressive_app.config.app_settings import RUNS_DIR
from progressive_app.config.resolve import resolve_program
from progressive_app.machine.logs import get_logger
from progressive_app.store.runs import list_runs
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError, DataError, ModelError, RunError
from progressive_core.contract.suggest import did_you_mean
from progressive_front.load_model import not_loadable
from progressive_studies.search.search_plan import SEARCHES, TUNE
from progressive_studies.study.study_plan import PLAN, RUNS, read_plan

log = get_logger()

MARKET = "MARKET"
"""The setting that names the market to take of a file that holds several."""


def _of_program(flags: Mapping[str, Any]) -> dict[str, Any]:
    """`flags` without the one that says how a file of bars is read."""
    return {key: value for key, value in flags.items() if key != MARKET}


def runs_dir(config: Path | None, flags: Mapping[str, Any]) -> Path:
    """RUNS_DIR, which need not exist before the first run."""
    directory = Path(resolve_program(config, _of_program(flags))[RUNS_DIR])
    if directory.exists() and not directory.is_dir():
        raise RunError(f"RUNS_DIR is {directory}, which is a file: expected the directory that runs are made in")
    return directory


def run_directory(run: Path, config: Path | None, flags: Mapping[str, Any]) -> Path:
    """The directory of `run`, which is a path, or a name in RUNS_DIR.

    :raise RunError: there is no run.
    """
    runs = runs_dir(config, flags)
    for directory in (run, runs / run):
        if (directory / "state.json").is_file():
            return directory
    for directory in (run, SEARCHES / run):
        if (directory / PLAN).is_file() and read_plan(directory).kind == TUNE:
            raise RunError(
                f"{directory}: a search, not a run; `{PROGRAM} tune --resume --name {directory.name}` shows it, and its runs are in "
                f"{directory / RUNS}"
            )
    for directory in (run.parent, runs / run.parent):
        if run.name and (directory / "state.json").is_file():
            raise RunError(f"{run}: what lies in a run; expected the run itself, {directory}")
    known = [each.directory.name for each in list_runs(runs)]
    raise RunError(
        f"no run {str(run)!r}, here or in {runs}.{did_you_mean(str(run), known)} `{PROGRAM} runs` lists them"
    )


def run_and_bucket(
    name: Path, bucket: str | None, find: Callable[[Path], Path], finished: Callable[[Path], Collection[str]]
) -> tuple[Path, str | None]:
    """The directory and the bucket that RUN or RUN/Bucket names; None for the bucket where neither it nor `--bucket` does.

    :param bucket: that of `--bucket`. :param find: the directory of a run, by its path or name. :param finished: buckets of such a directory.
    :raise RunError: there is no such run, or RUN/Bucket names no bucket that is finished. :raise ConfigError: both name a bucket, and not the same one.
    """
    try:
        return find(name), bucket
    except RunError as error:
        if name.exists() or not name.name:
            raise
        try:
            directory = find(name.parent)
        except RunError:
            raise error from None
    if name.name not in (known := finished(directory)):
        raise RunError(
            f"{directory}: no result of {name.name!r}.{did_you_mean(name.name, known)} Finished: {', '.join(known)}"
        )
    if bucket not in (None, name.name):
        raise ConfigError(f"--bucket {bucket}: {name} names bucket {name.name!r}; name one of the two")
    return directory, name.name


def usable(directory: Path, buckets: Sequence[str]) -> list[str]:
    """Those of the `buckets` of the run in `directory` whose models can be loaded; the others are warned of.

    :raise ModelError: none can.
    """
    reasons = {bucket: not_loadable(bucket) for bucket in buckets}
    why_not = list(filter(None, reasons.values()))
    if len(why_not) == len(buckets):
        raise ModelError(f"{directory}: {'; '.join(why_not)}")
    for reason in why_not:
        log.warning(reason)
    return [bucket for bucket, reason in reasons.items() if not reason]


@contextmanager
def errors_naming(file: Path) -> Iterator[None]:
    """Within it, an error about bars or about a model used on them names the file that they are from."""
    try:
        yield
    except (DataError, ModelError) as error:
        raise error if file.name in str(error) else type(error)(f"{file}: {error}") from error
