"""What a run was: how it ended, on what it was trained, which settings were not the defaults, and the lines to repeat and use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from progressive_plugins.report.report_records import ChangedSetting, DataFile, RunPart
from progressive_plugins.report.shell_lines import reproduce_lines, use_of
from progressive_training import PLUGINS, BucketResult, Interrupted, RecordedRun, RunInfo, Settings
from progressive_training.market import DATA
from progressive_training.presentation import critical_path

CONSOLE = "console"
SEQUENCE = "SEQUENCE"
"""The setting that says which buckets train at the same time."""
LONGEST_ERROR = 500
"""Letters of what ended a run that its report repeats."""


def run_part(
    run: RunInfo,
    recorded: RecordedRun,
    results: Sequence[BucketResult],
    error: BaseException | None,
    parts: Sequence[Any],
) -> RunPart:
    """The run itself.

    :param parts: of all accounts, for the dates of the data.
    """
    manifest = recorded.manifest
    sequence = run.settings[SEQUENCE]
    stopped = isinstance(error, Interrupted | KeyboardInterrupt)
    return RunPart(
        name=run.run_dir.absolute().name,
        directory=str(run.run_dir.absolute()),
        started=manifest["started"],
        ended=recorded.committed,
        status="finished" if error is None else "interrupted" if stopped else "failed",
        error=None if error is None or stopped else _described(error),
        sequence=run.sequence,
        stages=tuple(tuple(stage) for stage in sequence if not isinstance(stage, str)),
        critical_path=critical_path(sequence, results),
        seed=run.seed,
        device=manifest["device"],
        versions=_texts(manifest.get("versions")),
        platform=str(manifest.get("platform", "")),
        environments=tuple(manifest["environments"]),
        plugins=_texts(manifest.get("plugins")),
        parent=manifest["parent"],
        changes=tuple(manifest["changes"]),
        data=_data(run.settings, manifest["inputs"], parts),
        settings=_changed(run.settings),
        reproduce=reproduce_lines(run, manifest),
        use=use_of(run, results, finished=error is None),
    )


def _described(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 3]}..."


def _texts(value: Any) -> Mapping[str, str]:
    """What a manifest has as an object of texts, which a stranger may have written."""
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, Mapping) else {}


def _data(settings: Settings, inputs: Mapping[str, Mapping[str, Any]], parts: Sequence[Any]) -> tuple[DataFile, ...]:
    first, last = min((part.first for part in parts), default=None), max((part.last for part in parts), default=None)
    files = tuple(
        DataFile(
            setting=key,
            file=str(each["file"]),
            sha256=str(each.get("sha256", "")),
            bytes=each["bytes"] if isinstance(each.get("bytes"), int) else 0,
            first=first if key == DATA.key else None,
            last=last if key == DATA.key else None,
        )
        for key, each in inputs.items()
    )
    if DATA.key in inputs or not parts or settings[DATA] is not None:
        return files
    return (DataFile(setting=DATA.key, synthetic=True, first=first, last=last), *files)


def _changed(settings: Settings) -> tuple[ChangedSetting, ...]:
    """The settings that are not at their defaults; where one has a value for each bucket, those of the buckets.

    The console is left out of PLUGINS: the command line adds it, and it is how a run was watched.
    """
    changed = []
    for key, setting in settings.declared.items():
        value, default = settings[key], _plain(setting.default)
        if key == PLUGINS.key and isinstance(value, list | tuple):
            value = [choice for choice in value if choice != CONSOLE]
        each = value.items() if setting.per_bucket and isinstance(value, Mapping) else [(None, value)]
        changed += [
            ChangedSetting(key=key, value=_plain(own), default=default, meaning=setting.meaning, bucket=bucket)
            for bucket, own in each
            if _plain(own) != default
        ]
    return tuple(changed)


def _plain(value: Any) -> Any:
    """Nested settings as JSON has them: whether a list is a tuple makes no difference."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
