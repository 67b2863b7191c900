"""`export`: has an exporter write the files of a model, whole or not at all, and shows what they are for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.discovery.named_object import named_object
from progressive_app.machine.durable_files import make_directory, sync_directory, sync_tree
from progressive_app.machine.logs import configure_logging, get_logger
from progressive_app.machine.terminal import print_text
from progressive_app.machine.undoing import undone_after
from progressive_core.contract.errors import ConfigError, PluginError, ProgressiveTrainingError, RunError
from progressive_core.plugins.blame import describe_error
from progressive_front.export.export_record import Export
from progressive_front.export.found_model import bars_of, found_model
from progressive_front.load_model import load_model
from progressive_front.output import show_json, stdout_reserved

log = get_logger()

GROUP = "progressive_training.exporters"
PLACE = Path("exports")
"""Where exports are made that name no directory, in the working directory."""


@frozen(kw_only=True)
class AskedExport:
    """What the command line asks for: the model `name`, the exporter `to`, and the rest as the flags have it, None where not given."""

    name: Path
    bucket: str | None
    to: str
    out: Path | None
    data: Path | None
    since: str | None
    market: str | None
    policy: str


def show_export(asked: AskedExport, flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Export a model and show what was written.

    :raise RunError: there is no such model, or the files cannot be written. :raise ConfigError: there is no such exporter, or something
        lies where its files are to be. :raise PluginError: it fails. :raise ModelError: the model cannot be exported so.
    """
    configure_logging()
    exporter = named_object(GROUP, "exporter", asked.to, "--to")
    found = found_model(asked.name, asked.bucket, config, flags)
    run_name = found.directory.absolute().name if found.directory else found.file.stem
    out = asked.out or PLACE / f"{run_name}-{found.bucket}-{asked.to}"
    with stdout_reserved(), _whole_directory(out) as partial:
        model = load_model(found.file, policy=asked.policy)
        since = asked.since
        if since is None and asked.data is None:  # the bars of the run: those that it learned from show nothing
            since = getattr(getattr(model, "card", None), "trained_until", None)
        export = Export(
            model=model,
            bucket=found.bucket,
            file=found.file,
            policy=asked.policy,
            run_dir=found.run_dir,
            out=partial,
            since=since,
            read_bars=lambda: bars_of(model, found, asked.data, asked.market),
        )
        reason = getattr(model, "reason", None)
        if asked.policy == "verdict" and reason is not None:
            warning = f"{found.bucket} stays flat: {reason}; --policy strategy exports what its strategy does"
            log.warning(warning)
        files = _written(exporter, export, asked.to)
    if as_json:
        return show_json({"bucket": found.bucket, "to": asked.to, "directory": str(out), "files": files})
    print_text("\n".join([f"{found.bucket} exported to {out}:", *(f"  {name}: {use}" for name, use in files.items())]))
    return 0


def _written(exporter: Any, export: Export, name: str) -> dict[str, str]:
    """What each file that the exporter wrote is for, by its name.

    :raise PluginError: it fails, or does not say what it wrote.
    """
    try:
        answer = exporter(export)
    except (ProgressiveTrainingError, OSError):
        raise
    except Exception as error:  # a stranger's function
        raise PluginError(f"exporter {name!r} failed: {describe_error(error)}") from error
    files = dict(answer) if isinstance(answer, Mapping) else {}
    if not files or not all((export.out / str(file)).is_file() for file in files):
        raise PluginError(
            f"exporter {name!r} must write into `out` and return what each file is for by its name; got {answer!r:.100}"
        )
    return {str(file): str(use) for file, use in files.items()}


@contextmanager
def _whole_directory(out: Path) -> Iterator[Path]:
    """Within it, an empty directory beside `out`, which becomes `out` at the end; after an error nothing of it is left.

    :raise ConfigError: something lies at `out`. :raise RunError: it cannot be made or written.
    """
    partial = out.absolute().parent / f".{out.name}.{os.getpid()}.partial"
    try:
        if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
            raise ConfigError(f"{out}: is there already; remove it, or name another directory with --out")
        made = None if partial.parent.exists() else partial.parent
        make_directory(partial.parent)
        with undone_after(lambda: _remove(partial, made)):
            partial.mkdir()
            yield partial
            sync_tree(partial)
            if out.is_dir():  # an empty one, in whose place not every system puts another
                out.rmdir()
            partial.replace(out)
            sync_directory(partial.parent)
    except OSError as error:
        why = error.strerror or error
        raise RunError(f"{out}: cannot be written ({why}); mend that, or name another directory with --out") from error


def _remove(partial: Path, made: Path | None) -> None:
    """Remove what was written, and the directory `made` for it where nothing else has come into it."""
    shutil.rmtree(partial, ignore_errors=True)
    if made is not None:
        with suppress(OSError):
            made.rmdir()
