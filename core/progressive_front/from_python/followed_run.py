"""The episodes of a run as they are committed, for what follows a training from outside of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_app.store.progress import STATE, read_commit
from progressive_app.store.run_store import METRICS
from progressive_core.contract.errors import RunError


class FollowedRun:
    """Reads the run in `directory` while it is trained, and writes or locks nothing.

    An episode is shown when its commit is made. What a kill takes back was never shown, so no episode comes twice after a
    resume, unless that had to go back behind a damaged checkpoint.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read = 0
        self._changed = -1

    def new_episodes(self) -> list[Mapping[str, Any]]:
        """The lines of `metrics.jsonl` that were committed since the last call, oldest first; all of them at the first one.

        :raise RunError: the run's files are damaged. :raise OSError: they cannot be read.
        """
        state = self._directory / STATE
        if not state.is_file() or (changed := state.stat().st_mtime_ns) == self._changed:
            return []
        end = read_commit(state).lengths.get(METRICS, 0)
        begin = min(self._read, end)
        path = self._directory / METRICS
        lines: list[Mapping[str, Any]] = []
        if end > begin:
            with path.open("rb") as file:
                file.seek(begin)
                committed = file.read(end - begin)
            try:
                lines = [json.loads(line) for line in committed.splitlines()]
            except (ValueError, RecursionError) as error:
                raise RunError(f"{path}: damaged ({error})") from error
        self._read, self._changed = end, changed
        return lines
