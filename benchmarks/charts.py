"""Which chart library does the report's page take? One command, one table: size, first paint, frames, in a headless Chromium.

    pip install -e ".[bench]" && python benchmarks/charts.py    # two minutes

Each page draws the same 60,000 hourly candles with one library's own JavaScript, as its package holds it. First paint is from the
start of its script until two frames later; a frame is a pan by a fiftieth of the view, from the call until it is painted, the median
of twelve. A library that is not installed is left out, and named.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from attrs import frozen
from rich.console import Console
from rich.table import Table

CANDLES = 60_000
VIEWS = (1.0, 0.1, 0.005)
"""Shares of the candles that are in view."""


@frozen
class Library:
    """The files of JavaScript of a `package`, and a script that draws `D`, rows of time, open, high, low and close, defines
    `view(first, last)` of candles, and calls `done()`."""

    package: str
    files: tuple[str, ...]
    script: str


LIBRARIES = (
    Library(
        "litecharts",
        ("litecharts/js/lightweight-charts.js",),
        """
        const chart = LightweightCharts.createChart(box, { width: 1200, height: 480, timeScale: { minBarSpacing: 0.005, enableConflation: true } });
        const series = chart.addSeries(LightweightCharts.CandlestickSeries, {});
        series.setData(D.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
        chart.timeScale().fitContent();
        window.view = (from, to) => chart.timeScale().setVisibleLogicalRange({ from, to });
        done();
        """,
    ),
    Library(
        "bokeh",
        ("bokeh/server/static/js/bokeh.min.js", "bokeh/server/static/js/bokeh-api.min.js"),
        """
        const plot = Bokeh.Plotting.figure({ width: 1200, height: 480, x_axis_type: "datetime", output_backend: "canvas" });
        const column = (place, factor = 1) => D.map((row) => factor * row[place]);
        const source = new Bokeh.ColumnDataSource({ data: { t: column(0, 1000), o: column(1), h: column(2), l: column(3), c: column(4) } });
        const [t, o, h, l, c] = ["t", "o", "h", "l", "c"].map((field) => ({ field }));
        plot.segment({ x0: t, y0: h, x1: t, y1: l, source });
        plot.vbar({ x: t, width: 1.8e6, top: o, bottom: c, source });
        window.view = (first, last) => plot.x_range.setv({ start: 1000 * D[0][0] + first * 3.6e6, end: 1000 * D[0][0] + last * 3.6e6 });
        Bokeh.Plotting.show(plot, box).then(done);
        """,
    ),
    Library(
        "plotly",
        ("plotly/package_data/plotly.min.js",),
        """
        const [x, open, high, low, close] = [0, 1, 2, 3, 4].map((place) => D.map((row) => (place ? row[place] : 1000 * row[0])));
        window.view = (first, last) => Plotly.relayout(box, { "xaxis.range": [x[0] + first * 3.6e6, x[0] + last * 3.6e6] });
        Plotly.newPlot(box, [{ type: "candlestick", x, open, high, low, close }], { xaxis: { type: "date", rangeslider: { visible: false } } }).then(done);
        """,
    ),
)
PAN = """async ([count, share]) => {
  const taken = [], width = count * share, channel = new MessageChannel();
  for (let i = 0; i < 12; i++) {
    const start = performance.now(), first = (count - width) / 2 + (i * width) / 50;
    await view(first, first + 0.97 * width);
    await new Promise((painted) => requestAnimationFrame(() => { channel.port1.onmessage = painted; channel.port2.postMessage(0); }));
    taken.push(performance.now() - start);
  }
  return taken.sort((a, b) => a - b)[6];
}"""


@frozen
class Drawn:
    """What one library's page took: bytes of its `script`s, milliseconds to the first `paint`, and of a frame by view."""

    package: str
    script: int
    paint: float
    frames: tuple[float, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--candles", type=int, default=CANDLES)
    count = parser.parse_args(arguments).candles
    table = Table(title=f"{count:,} candles, 1200 x 480 pixels")
    table.add_column("package")
    for head in (
        "JavaScript MB",
        "first paint ms",
        *(f"frame ms, {round(count * share):,} in view" for share in VIEWS),
    ):
        table.add_column(head, justify="right")
    for drawn in measured(count):
        frames = (f"{frame:.0f}" for frame in drawn.frames)
        table.add_row(drawn.package, f"{drawn.script / 1e6:.2f}", f"{drawn.paint:.0f}", *frames)
    Console(width=110).print(table)
    return 0


def measured(count: int) -> list[Drawn]:
    """Each installed library with so many candles.

    :raise SystemExit: there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    chromium = which("chromium") or which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium here: this needs a browser")
    candles, found = json.dumps(rows(count)), []
    with TemporaryDirectory(prefix="charts-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for library in LIBRARIES:
            try:
                whole = distribution(library.package)
            except PackageNotFoundError:
                print(f"{library.package} is not installed", file=sys.stderr)
                continue
            scripts = [Path(str(whole.locate_file(file))).read_text("utf-8") for file in library.files]
            file = Path(folder) / f"{library.package}.html"
            file.write_text(page_of(candles, scripts, library.script), "utf-8")
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(file.as_uri())
            page.wait_for_function("window.painted", timeout=120_000)
            frames = tuple(float(page.evaluate(PAN, [count, share])) for share in VIEWS)
            found.append(Drawn(library.package, sum(map(len, scripts)), float(page.evaluate("painted")), frames))
            page.close()
    return found


def page_of(candles: str, scripts: Sequence[str], draw: str) -> str:
    """A page that draws `candles` (JSON)."""
    start = f"const D = {candles}, box = document.getElementById('box'), start = performance.now();"
    done = "const done = () => requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now() - start; }));"
    parts = [start, done, *scripts, f"(() => {{{draw}}})();"]
    whole = "".join(f"<script>{part}</script>\n" for part in parts)
    return f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="box"></div>\n{whole}'


def rows(count: int) -> list[list[Any]]:
    """Hourly candles of a random walk: time in seconds, open, high, low, close."""
    close = 20_000 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.003, count)))
    opened = np.r_[close[0], close[:-1]]
    prices = np.stack([opened, 1.001 * np.maximum(opened, close), 0.999 * np.minimum(opened, close), close], axis=1)
    times = 1_600_000_000 + 3_600 * np.arange(count)
    return [[time, *values] for time, values in zip(times.tolist(), prices.round(2).tolist(), strict=True)]


if __name__ == "__main__":
    sys.exit(main())
