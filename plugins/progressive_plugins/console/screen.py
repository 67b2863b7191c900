"""A terminal's second screen: frames drawn from its top left corner, so that nothing of an old one is ever left behind."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, cast

from rich.console import Console, RenderableType

from progressive_plugins.console.stream import QuietStream
from progressive_training import note_undo

OPEN, CLOSE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"
"""To the second screen, with the cursor hidden; back to the first one, which is as it was."""
HOME, TO_END_OF_LINE, CLEAR = "\x1b[H", "\x1b[K", "\x1b[2J"
SPARE_ROWS = 3
"""Below each frame: what others write to the terminal (^C, a line of another process) stands there and scrolls nothing.
A small terminal has a quarter of its rows for it."""
SECONDS_PER_FRAME = 1.0
"""A frame costs some milliseconds that training would have had: what changes by the episode needs no more of them."""
SECONDS_PER_LOOK = 0.1
"""How often the terminal's size is looked at, so that a resized one is soon drawn anew."""
LONGEST_FRAME = 5.0
"""Seconds that a frame which is being drawn is waited for."""
Frame = Callable[[int, int], RenderableType]
"""What is to be shown in so many columns and rows."""


class Notes:
    """Holds what this process prints to standard output and error meanwhile, for the frames and for the first screen."""

    def __init__(self) -> None:
        self._written: deque[tuple[TextIO, str]] = deque(maxlen=10_000)
        self._replayed = False
        self.count = 0
        """Of writes so far."""

    def stream(self, target: TextIO) -> TextIO:
        """Return a stream whose text is kept for `target`, until that is replayed."""
        return cast("TextIO", _Note(target, self._write))

    def lines(self, count: int) -> list[str]:
        """Return the newest lines."""
        text = "".join(text for _, text in self._written)
        return [line for line in text.splitlines() if line.strip()][-count:] if count > 0 else []

    def replay(self) -> None:
        """Write what was kept to where it was meant for, and what comes later at once."""
        self._replayed = True
        while self._written:
            _write(*self._written.popleft())

    def _write(self, target: TextIO, text: str) -> None:
        if self._replayed:  # another thread has kept the stream
            _write(target, text)
        else:
            self._written.append((target, text))
            self.count += 1


class _Note(QuietStream):
    def __init__(self, target: TextIO, write: Callable[[TextIO, str], None]) -> None:
        super().__init__(target)
        self._target, self._keep = target, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def write(self, text: str) -> int:
        self._keep(self._target, text)
        return len(text)

    def flush(self) -> None:
        """Text that is kept is flushed as it is replayed."""


def _write(target: TextIO, text: str) -> None:
    with suppress(OSError):
        target.write(text)
        target.flush()


class Screen:
    """Shows frames on the second screen until it is closed, and then what was printed meanwhile on the first one.

    A thread draws a frame each second, and at once where the size has changed or something was printed. Nothing is drawn relative to the cursor: a
    resized terminal, ^C or another process's line cannot leave a part of an old frame.

    :param console: of the terminal. :param stream: the same terminal, for text that is ready.
    """

    def __init__(self, console: Console, stream: TextIO, frame: Frame) -> None:
        self.notes = Notes()
        self._console, self._stream, self._frame = console, stream, frame
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._drawn_size, self._drawn_rows = (0, 0), 0
        self._before = sys.stdout, sys.stderr
        self._own: tuple[TextIO, TextIO] | None = None
        self._forget: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._keep_drawing, name="live view", daemon=True)

    def open(self) -> None:
        """Go to the second screen and draw the first frame."""
        self._forget = note_undo(self.close)
        stdout, stderr = self._before
        noted = self.notes.stream(stdout), self.notes.stream(stderr) if stderr.isatty() else stderr
        self._own = noted
        sys.stdout, sys.stderr = noted
        self._stream.write(OPEN)
        self.draw()
        self._thread.start()

    def close(self) -> None:
        """Go back to the first screen, cursor shown, and write what was printed meanwhile. An interrupted one may be repeated."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_FRAME)
        if self._own is not None and (sys.stdout, sys.stderr) == self._own:  # else somebody else redirected them since
            sys.stdout, sys.stderr = self._before
        self._stream.write(CLOSE)
        self._stream.flush()
        self.notes.replay()
        self._forget()

    def draw(self) -> None:
        """Draw a frame over the last one, all of it in one write."""
        with self._lock:
            width, height = self._console.size
            rows = max(1, height - min(SPARE_ROWS, max(1, height // 4)))
            with self._console.capture() as capture:
                self._console.print(self._frame(width, rows))
            lines = capture.get().splitlines()[:rows]
            begin = HOME
            if (width, height) != self._drawn_size:
                begin, self._drawn_size, self._drawn_rows = HOME + CLEAR, (width, height), 0
            blank = [""] * (self._drawn_rows - len(lines))
            self._drawn_rows = len(lines)
            ended = "".join(f"{line}{TO_END_OF_LINE}\r\n" for line in [*lines, *blank])
            self._stream.write(begin + ended + TO_END_OF_LINE)
            self._stream.flush()

    def _keep_drawing(self) -> None:
        waited, noted = 0.0, 0
        while not self._closed.wait(SECONDS_PER_LOOK):
            waited += SECONDS_PER_LOOK
            if waited >= SECONDS_PER_FRAME or noted != self.notes.count or self._console.size != self._drawn_size:
                waited, noted = 0.0, self.notes.count
                self.draw()
