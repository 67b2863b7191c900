"""The report: when a run ends, RUN/report.png shows how its buckets learned and what that was worth."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import structlog

from progressive_plugins.metrics import read_metrics
from progressive_training import BucketResult, RunInfo, hookimpl

log = structlog.get_logger("progressive_training")


class ReportPlugin:
    """Draws the picture from the run's `metrics.jsonl` and the results; without matplotlib it logs how to get it."""

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...]) -> None:
        """Draw the picture of all buckets that were finished."""
        if not results:
            return
        if find_spec("matplotlib") is None:
            log.info("no report.png: matplotlib is missing; pip install 'progressive-training[report]'")
            return
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from progressive_plugins.report.picture import draw

        image, figure = BytesIO(), draw(results, read_metrics(run.run_dir / "metrics.jsonl"))
        FigureCanvasAgg(figure).print_png(image)  # type: ignore[no-untyped-call]  # `savefig` would draw it twice, once for its layout
        path = run.run_dir / "report.png"
        replace(path, image.getvalue())
        log.info("report drawn", path=str(path))


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    The core has its own for what must outlive a power cut. A plugin sees the public face only, and a picture can be
    drawn again.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)  # a link would be written through
    partial.write_bytes(content)
    partial.replace(path)


report = ReportPlugin()
