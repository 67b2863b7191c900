"""What an exporter is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Export:
    """What an exporter writes, and where: a function of the entry-point group `progressive_training.exporters` takes one, writes files
    into `out`, and returns what each is for, one line by file name.

    `model`: as `load_model` gives it with the `policy`, "verdict" or "strategy". `bucket`: whose it is, and `file` where it was
    read from. `run_dir`: its run; None of a model that lies in none. `out`: an empty directory. It gets its name when all is written,
    so that no file may hold its path. `since`: a time from which on the model trades, as for its `trajectory`; None for all bars.
    """

    model: Any
    bucket: str
    file: Path
    policy: str
    run_dir: Path | None
    out: Path
    since: str | None
    read_bars: Callable[[], Any] = field(repr=False)

    @cached_property
    def bars(self) -> Any:
        """The bars of `--data`, or those that its run was begun on, as the model reads them; read when they are first asked for.

        :raise DataError: they cannot be read, or are not those of the run any more. :raise ModelError: they do not fit the model.
        """
        return self.read_bars()
