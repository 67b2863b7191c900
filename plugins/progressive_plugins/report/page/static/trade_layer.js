// A layer over the candles: entries and exits of the trades in view, and which of them is under a click.

const NEAR = 14; // pixels from a mark that still hit it
const ROOM = 12; // pixels a trade needs to be drawn in full

class TradeLayer {
  constructor() {
    this.trades = null;
    this.selected = -1;
    this.visible = true;
  }

  // `trades` as unpacked; `times` of the candles.
  show(trades, times) {
    this.trades = trades;
    this.entry = Float64Array.from(trades.entry_time, (time) => rowAt(times, time));
    this.exit = Float64Array.from(trades.exit_time, (time) => rowAt(times, time));
    this.selected = -1;
    this.update?.();
  }

  select(trade) {
    this.selected = trade;
    this.update?.();
  }

  attached({ chart, series, requestUpdate }) {
    Object.assign(this, { chart, series, update: requestUpdate });
  }

  paneViews() {
    return [
      {
        zOrder: () => "top",
        renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((scope) => this.draw(scope)) }),
      },
    ];
  }

  // Numbers of the first trade in view and of the one after the last: trades follow one another.
  inView() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range || !this.trades.rows) return [0, 0];
    let first = rowAt(this.exit, range.from);
    if (this.exit[first] < range.from) first++;
    const last = rowAt(this.entry, range.to);
    return [first, this.entry[last] <= range.to ? last + 1 : last];
  }

  points(trade) {
    const scale = this.chart.timeScale();
    const { entry_price, exit_price } = this.trades;
    return [
      [scale.logicalToCoordinate(this.entry[trade]), this.series.priceToCoordinate(entry_price[trade])],
      [scale.logicalToCoordinate(this.exit[trade]), this.series.priceToCoordinate(exit_price[trade])],
    ];
  }

  // The trade whose mark is nearest to a point, -1 where none is near.
  at(x, y) {
    let [nearest, best] = [-1, NEAR];
    if (!this.visible || !this.trades) return nearest;
    const [first, end] = this.inView();
    for (let trade = first; trade < end; trade++) {
      for (const [px, py] of this.points(trade)) {
        const distance = Math.hypot(px - x, py - y);
        if (distance < best) [nearest, best] = [trade, distance];
      }
    }
    return nearest;
  }

  draw({ context, mediaSize: { width } }) {
    if (!this.trades) return;
    const box = this.chart.chartElement().closest(".chart");
    delete box.dataset.selectedAt;
    const [first, end] = this.inView();
    const full = (end - first) * ROOM <= width;
    const resultColours = [colour("loss"), colour("win")];
    if (this.visible && !full) this.drawDots(context, first, end, resultColours);
    for (let trade = first; this.visible && full && trade < end; trade++) this.drawTrade(context, trade, resultColours);
    if (this.selected >= first && this.selected < end) {
      const [[x, y], exit] = this.points(this.selected);
      context.strokeStyle = colour("ink");
      context.lineWidth = 1.5;
      for (const [px, py] of [[x, y], exit]) {
        context.beginPath();
        context.arc(px, py, 9, 0, 7);
        context.stroke();
      }
      this.drawTrade(context, this.selected, resultColours);
      box.dataset.selectedAt = `${Math.round(x)},${Math.round(y)}`;
    }
  }

  // Too many for arrows: one dot for each column of pixels, sign of the result, and height.
  drawDots(context, first, end, resultColours) {
    const drawn = new Set();
    for (let trade = first; trade < end; trade++) {
      const [x, y] = this.points(trade)[0];
      const won = this.trades.won[trade];
      const key = `${x >> 1},${y >> 1},${won}`;
      if (drawn.has(key)) continue;
      drawn.add(key);
      context.fillStyle = resultColours[won];
      context.fillRect(Math.round(x) - 1, Math.round(y) - 1, 2, 2);
    }
  }

  drawTrade(context, trade, resultColours) {
    const [[x, y], [ex, ey]] = this.points(trade);
    const won = this.trades.won[trade];
    const down = this.trades.short[trade] ? -1 : 1; // long: an arrow up from below the price; short: down from above
    context.strokeStyle = context.fillStyle = resultColours[won];
    context.lineWidth = 1.5;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(ex, ey);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x - 5, y + 9 * down);
    context.lineTo(x + 5, y + 9 * down);
    context.fill();
    context.beginPath();
    if (won) {
      context.arc(ex, ey, 3.5, 0, 7);
      context.fill();
    } else {
      context.lineWidth = 2;
      for (const side of [-1, 1]) {
        context.moveTo(ex - 3.5, ey - 3.5 * side);
        context.lineTo(ex + 3.5, ey + 3.5 * side);
      }
      context.stroke();
    }
  }
}
