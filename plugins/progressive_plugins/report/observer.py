"""The report: when a run ends, RUN/report.html shows what came of it, report.json holds the same, and report.png is a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import structlog

from progressive_training import BucketResult, RunInfo, hookimpl

log = structlog.get_logger("progressive_training")


class ReportPlugin:
    """Writes the report of a run of which a bucket is finished, whatever ended it.

    It needs the run's files, its results and its settings, and nothing of the process that trained: `progressive-training report`
    calls it again. A report that cannot be written is one warning, since the run is worth more than its report.
    """

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
        """Write the three files."""
        if not results:
            return
        _try("report.html", lambda: _write_page(run, results, error))
        _try("report.png", lambda: write_picture(run, results))


def _try(name: str, write: Callable[[], None]) -> None:
    try:
        write()
    except Exception as failure:
        reason = f"{type(failure).__name__}: {failure}"
        log.warning("the report could not be written; the run and its models are whole", file=name, reason=reason)
        log.debug("the report could not be written", file=name, exc_info=True)


def _write_page(run: RunInfo, results: Sequence[BucketResult], error: BaseException | None) -> None:
    from progressive_plugins.report.document import document_of
    from progressive_plugins.report.page import page_of
    from progressive_training.market import account_of

    accounts = {result.bucket: account_of(run.run_dir, result.bucket) for result in results}
    document = document_of(run, results, error, accounts)
    replace(run.run_dir / "report.json", (json.dumps(document, allow_nan=False) + "\n").encode())
    replace(run.run_dir / "report.html", page_of(document, accounts).encode())


def write_picture(run: RunInfo, results: Sequence[BucketResult]) -> None:
    """Draw the picture from the run's `metrics.jsonl` and the results; without matplotlib, log how to get it."""
    if find_spec("matplotlib") is None:
        log.info("no report.png: matplotlib is missing; pip install 'progressive-training[report]'")
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from progressive_plugins.metrics import read_metrics
    from progressive_plugins.report.picture import draw

    image, figure = BytesIO(), draw(results, read_metrics(run.run_dir / "metrics.jsonl"))
    FigureCanvasAgg(figure).print_png(image)  # type: ignore[no-untyped-call]  # `savefig` would draw it twice, once for its layout
    replace(run.run_dir / "report.png", image.getvalue())


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    The core has its own for what must outlive a power cut. A plugin sees the public face only, and a report can be
    made again.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)  # a link would be written through
    partial.write_bytes(content)
    partial.replace(path)


report = ReportPlugin()
