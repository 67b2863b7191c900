"""The model that a command line names as RUN/Bucket, and the bars of its run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.resolve import resolve_values
from progressive_app.resume.inputs import moved_with_the_run
from progressive_app.store.documents import read_json
from progressive_app.store.models import FILE_NAME, model_file
from progressive_app.store.progress import STATE
from progressive_app.store.run_documents import read_manifest
from progressive_app.store.tensors import read_card
from progressive_core import PROGRAM
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import ModelError, RunError
from progressive_core.contract.records import RunInfo
from progressive_core.contract.suggest import did_you_mean
from progressive_front.commands.walked_run import results_in, used_directory, used_model
from progressive_front.load_model import bucket_of
from progressive_studies.study.study_plan import read_plan
from progressive_studies.study.study_plan import run_directory as run_of_study
from progressive_studies.walk_forward.walk_directory import is_walked


@frozen(kw_only=True)
class FoundModel:
    """The `file` of a bucket's model, and the run or walk-forward that it lies in; None where it lies in none."""

    bucket: str
    file: Path
    directory: Path | None

    @property
    def run_dir(self) -> Path | None:
        """Its run: of a walk-forward that of the newest fold, whose model it is."""
        if self.directory is None or not is_walked(self.directory):
            return self.directory
        return run_of_study(self.directory, read_plan(self.directory).runs[-1].name)


def found_model(name: Path, bucket: str | None, config: Path | None, flags: Mapping[str, Any]) -> FoundModel:
    """The model that `name` means: RUN/Bucket with a run or a walk-forward, or the path of a model.

    :param bucket: that of `--bucket`, which may be left out where `name` or the run has but one.
    :raise RunError: there is no such run, or no such bucket is finished in it. :raise ModelError: it names a file that is no model.
    """
    if bucket is not None:
        return _of_run(*used_model(name, bucket, config, flags))
    for directory, named in ((name.parent, name.name), (name, None)):
        try:
            run = used_directory(directory, config, flags)
        except RunError:
            continue
        return _of_run(run, named)
    try:
        file = model_file(name)
    except ModelError as error:
        if name.exists():
            raise
        raise RunError(
            f"no run {str(name.parent)!r} and no model {str(name)!r}; expected RUN/Bucket. `{PROGRAM} runs` lists the runs"
        ) from error
    place = file.parents[2] if len(file.parents) > 2 else file.parent
    if file.parent.parent.name == "models" and ((place / STATE).is_file() or is_walked(place)):
        return FoundModel(bucket=file.parent.name, file=file, directory=place)
    card = read_card(file)
    if "bucket" not in card:
        raise ModelError(f"{file}: its card names no bucket; name a model that a run saved")
    return FoundModel(bucket=bucket_of(card, file), file=file, directory=None)


def _of_run(run: Path, bucket: str | None) -> FoundModel:
    finished = [result.bucket for result in results_in(run)]
    if bucket is None and len(finished) == 1:
        bucket = finished[0]
    if bucket not in finished or bucket is None:
        what = "which bucket?" if bucket is None else f"no result of {bucket!r}.{did_you_mean(bucket, finished)}"
        raise RunError(f"{run}: {what} Name one of {', '.join(f'{run.name}/{each}' for each in finished)}")
    return FoundModel(bucket=bucket, file=run / "models" / bucket / FILE_NAME, directory=run)


def bars_of(model: Any, found: FoundModel, data: Path | None, market: str | None) -> Any:
    """The bars of a file, or those that the run of the model was begun on, as the model reads them.

    :param market: the one to take of a file that holds several.
    :raise ModelError: it reads no bars, or lies in no run and no file is named. :raise DataError: they cannot be read, or have changed.
    """
    if market is not None and callable(getattr(model, "of_market", None)):
        model = model.of_market(market)
    if not callable(getattr(model, "read", None)):
        raise ModelError(f"models of bucket {found.bucket!r} have no read(bars), so nothing can be exported of bars")
    if data is not None:
        return model.read(data)
    if found.run_dir is None:
        raise ModelError(f"{found.file}: a model outside of a run: give its bars with --data FILE")
    settings_file = found.run_dir / "config.json"
    moved = moved_with_the_run(read_manifest(found.run_dir)["inputs"], found.run_dir)
    settings = resolve_values({**read_json(settings_file), **moved}, str(settings_file), policy="warn")
    run = RunInfo(run_dir=found.run_dir, sequence=(found.bucket,), settings=settings, seed=settings[SEED])
    return import_module("progressive_training.market").bars_of_run(model, run)
