// A layer behind a chart: the parts as shaded bands with their names and dates, gaps as dashed lines.

class Bands {
  // `times` of the chart's rows; `parts` of {name, first, last}, with the `dates` to name where these are others; `gaps` of
  // [before, after].
  show(times, parts, gaps) {
    this.bands = parts.map((part) => ({
      ...part,
      from: rowAt(times, part.first),
      to: rowAt(times, part.last),
    }));
    this.gaps = gaps.map(([before, after]) => [rowAt(times, before), rowAt(times, after)]);
    this.update?.();
  }

  attached({ chart, requestUpdate }) {
    this.chart = chart;
    this.update = requestUpdate;
  }

  paneViews() {
    const view = (zOrder, draw) => ({
      zOrder: () => zOrder,
      renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace(draw) }),
    });
    return [view("bottom", (scope) => this.draw(scope)), view("top", (scope) => this.drawNames(scope))];
  }

  // Left and right end of each band in view.
  inView(width) {
    const scale = this.chart.timeScale();
    const half = scale.options().barSpacing / 2;
    return (this.bands || [])
      .map((band) => ({
        ...band,
        left: Math.max(0, scale.logicalToCoordinate(band.from) - half),
        right: Math.min(width, scale.logicalToCoordinate(band.to) + half),
      }))
      .filter(({ left, right }) => right > 0 && left < width);
  }

  drawNames({ context, mediaSize: { width } }) {
    if (!this.named) return;
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    context.textBaseline = "top";
    for (const { name, first, last, dates = [first, last], left, right } of this.inView(width)) {
      const texts = [`${name}  ${dates.map(dateText).join(" to ")}`, name];
      const text = texts.find((each) => context.measureText(each).width < right - left - 12);
      if (!text) continue;
      context.fillStyle = colour(`band-${name}`);
      context.fillRect(left + 3, 3, context.measureText(text).width + 6, 17);
      context.fillStyle = colour("quiet");
      context.fillText(text, left + 6, 6);
    }
  }

  draw({ context, mediaSize: { width, height } }) {
    const place = (row) => this.chart.timeScale().logicalToCoordinate(row);
    for (const { name, left, right } of this.inView(width)) {
      context.fillStyle = colour(`band-${name}`);
      context.fillRect(left, 0, Math.max(1, right - left), height);
      context.fillStyle = colour("line");
      context.fillRect(Math.round(left), 0, 1, height);
    }
    context.strokeStyle = colour("gap");
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    let last = -9;
    context.beginPath();
    for (const [before, after] of this.gaps || []) {
      const x = Math.round((place(before) + place(after)) / 2) + 0.5; // a place between two rows has no coordinate itself
      if (x < 0 || x > width || x - last < 3) continue;
      last = x;
      context.moveTo(x, 24);
      context.lineTo(x, height);
    }
    context.stroke();
    context.setLineDash([]);
  }
}
