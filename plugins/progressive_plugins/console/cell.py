"""A bucket in a notebook: one picture below its cell, drawn again in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from progressive_plugins.console.display import Display
from progressive_plugins.console.plain import end_lines
from progressive_plugins.console.view import LiveView
from progressive_plugins.console.view_state import Progress
from progressive_training import BucketInfo, EpisodeReport
from progressive_training.presentation import html_text, plain_text

SECONDS_PER_PICTURE = 0.5
ROWS = 30


class Cell(Display):
    """A bucket as a picture that gives way to its last lines; an error leaves the last picture."""

    def __init__(self, progress: Progress, clock: Callable[[], float]) -> None:
        super().__init__(progress, clock)
        self._picture = show(LiveView(progress, 0.0, ROWS))
        self._drawn = clock()

    def episode(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        """Draw one more episode, where the last picture is old enough."""
        super().episode(bucket, episode)
        if self._clock() - self._drawn >= SECONDS_PER_PICTURE:
            self._draw(LiveView(self.progress, self.elapsed, ROWS))

    def end(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Draw how the bucket ended."""
        if error is None and bucket.results:
            self._draw(Text("\n".join(end_lines(self.progress, bucket.results[-1]))))
        else:
            self._draw(LiveView(self.progress, self.elapsed, ROWS))

    def _draw(self, picture: RenderableType) -> None:
        self._drawn = self._clock()
        self._picture.update(_both(picture), raw=True)


def show(picture: RenderableType) -> Any:
    """Show what rich draws below the cell, and return the handle that draws in its place."""
    from IPython.display import display

    return display(_both(picture), raw=True, display_id=True)  # type: ignore[no-untyped-call]  # IPython has few types


def _both(picture: RenderableType) -> dict[str, str]:
    """What rich draws, for a notebook and for what shows text only."""
    return {"text/html": html_text(picture), "text/plain": plain_text(picture)}
