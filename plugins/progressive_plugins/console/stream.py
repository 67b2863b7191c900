"""A stream that goes quiet when nobody reads it any more, because a run is worth more than its display."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TextIO


class QuietStream(io.TextIOBase):
    """Writes to `stream` until that breaks (`| head` has seen enough, the terminal is gone), then to nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._broken = False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in typeshed, a property in io
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if not self._broken:
            try:
                self._stream.write(text)
            except OSError:
                self._give_up()
        return len(text)

    def flush(self) -> None:
        if not self._broken:
            try:
                self._stream.flush()
            except OSError:
                self._give_up()

    def _give_up(self) -> None:
        """Write no more, and let Python flush what it still holds to nowhere as it exits."""
        self._broken = True
        with suppress(OSError, ValueError):  # a stream without a descriptor holds nothing for the exit
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
