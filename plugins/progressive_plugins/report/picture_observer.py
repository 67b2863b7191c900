"""A picture to embed: where it is asked for by name, RUN/report.png shows how the buckets learned and what that was worth."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from types import MappingProxyType

from progressive_plugins.report.report_files import attempt
from progressive_training import BucketResult, RunInfo, get_logger, hookimpl, place_for_reports, replacing

log = get_logger()


class PicturePlugin:
    """Draws report.png when a run ends; enabled only where it is named, since matplotlib takes longer than the whole report."""

    opt_in = True
    needs_packages = MappingProxyType({"matplotlib": "progressive-training[report]"})

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...]) -> None:
        """Draw the picture of all buckets that were finished."""
        if results:
            attempt("report.png", lambda: write_picture(run, results))


def write_picture(run: RunInfo, results: Sequence[BucketResult]) -> None:
    """Draw the picture from the run's `metrics.jsonl` and the results; without matplotlib, log how to get it."""
    if find_spec("matplotlib") is None:
        log.warning("no report.png: matplotlib is missing; pip install 'progressive-training[report]'")
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from progressive_plugins.metrics import read_metrics
    from progressive_plugins.report.picture import draw

    image, figure = BytesIO(), draw(results, read_metrics(run.run_dir / "metrics.jsonl"))
    FigureCanvasAgg(figure).print_png(image)  # type: ignore[no-untyped-call]  # `savefig` would draw it twice, once for its layout
    with replacing(place_for_reports(run.run_dir) / "report.png") as (partial,):
        partial.write_bytes(image.getvalue())


picture = PicturePlugin()
