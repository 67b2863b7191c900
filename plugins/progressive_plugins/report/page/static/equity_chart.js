// Equity and drawdown of a model and its baselines on validation and test; each part begins with the same equity.

const LARGEST_LINEAR = 1e9; // per cent; beyond it a linear scale shows nothing
const LOG_FROM = Math.log(4); // growth from which a log scale reads better

function newEquityChart(box, legend, scales) {
  const chart = newChart(box);
  const [bands, fallBands] = [new Bands(), new Bands()];
  bands.named = true;
  const { LineSeries, AreaSeries } = LightweightCharts;
  const hidden = new Set();
  let lines = [];
  let log = false;

  const style = (line) => {
    const main = line.kind === "model";
    return { color: colour(`line-${line.place}`), lineWidth: main ? 3 : 1.5, lineStyle: main ? 0 : line.place % 3 };
  };
  const height = (value) => (log ? value : 100 * Math.expm1(value));
  const text = (value) => profitText(log ? 100 * Math.expm1(value) : value);

  function drawLines() {
    for (const line of lines) {
      const rows = Array.from(line.times, (time, row) => ({ time, value: height(line.log_equity[row]) }));
      line.equity.setData(rows);
      line.fall.setData(rows.map(({ time }, row) => ({ time, value: -100 * line.drawdown[row] })));
    }
    scale(log ? "log" : "linear");
  }

  const scale = choice(scales, ["linear", "log"], (name) => {
    log = name === "log" || tooLarge();
    drawLines();
  });
  const largest = () => Math.max(0, ...lines.map((line) => line.log_equity.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
  const tooLarge = () => largest() > Math.log(LARGEST_LINEAR / 100);

  function restyle() {
    for (const line of lines) {
      const visible = !hidden.has(line.strategy);
      line.equity.applyOptions({ ...style(line), visible });
      line.fall.applyOptions({ ...style(line), visible });
    }
    for (const button of legend.children) {
      button.setAttribute("aria-pressed", !hidden.has(button.dataset.strategy));
    }
  }
  themeListeners.push(restyle);

  function addLegend() {
    const names = [...new Set(lines.map((line) => line.strategy))];
    legend.replaceChildren(
      ...names.map((strategy) => {
        const { place, kind } = lines.find((line) => line.strategy === strategy);
        const button = Object.assign(document.createElement("button"), { type: "button" });
        button.dataset.strategy = strategy;
        const swatch = document.createElement("i");
        swatch.className = `swatch dash-${kind === "model" ? 0 : place % 3}`;
        swatch.style.color = `var(--line-${place})`;
        const value = document.createElement("output");
        button.append(swatch, kind === "model" ? `${strategy} (model)` : strategy, value);
        button.addEventListener("click", () => {
          if (!hidden.delete(strategy)) hidden.add(strategy);
          restyle();
        });
        return button;
      }),
    );
  }

  // Beside each name: profit at the pointer, or of the last part at its end.
  function showValues(seriesData) {
    for (const button of legend.children) {
      const own = lines.filter((line) => line.strategy === button.dataset.strategy);
      const at = own.map((line) => seriesData?.get(line.equity)?.value).find((value) => value !== undefined);
      button.lastChild.textContent = at === undefined ? "" : text(at);
    }
  }
  chart.subscribeCrosshairMove(({ seriesData }) => showValues(seriesData));

  const times = (part, bucket) => bucket.lines.find((line) => line.part === part.name);
  return {
    show(bucket) {
      for (const line of lines) {
        chart.removeSeries(line.equity);
        chart.removeSeries(line.fall);
      }
      const places = [...new Set(bucket.lines.map((line) => line.strategy))];
      const options = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
      lines = bucket.lines.map((line) => {
        const cut = (column) => bucket.equity[column].subarray(line.start, line.start + line.count);
        const place = places.indexOf(line.strategy);
        const format = (formatter) => ({ ...options, priceFormat: { type: "custom", formatter, minMove: 1e-6 } });
        return {
          ...line,
          place,
          times: cut("time"),
          log_equity: cut("log_equity"),
          drawdown: cut("drawdown"),
          equity: chart.addSeries(LineSeries, format(text), 0),
          fall: chart.addSeries(LineSeries, format((value) => shareText(value / 100)), 1),
        };
      });
      log = largest() > LOG_FROM;
      scales.hidden = tooLarge();
      drawLines();
      addLegend();
      restyle();
      const parts = bucket.parts.filter((part) => times(part, bucket));
      const all = [...new Set(lines.flatMap((line) => [...line.times]))].sort((a, b) => a - b);
      const bounds = parts.map((part) => {
        const own = lines.find((line) => line.part === part.name).times;
        return { name: part.name, first: own[0], last: own[own.length - 1], dates: [part.first, part.last] };
      });
      lines[0]?.equity.attachPrimitive(bands);
      lines[0]?.fall.attachPrimitive(fallBands);
      for (const each of [bands, fallBands]) each.show(all, bounds, []);
      chart.panes()[0]?.setStretchFactor(3);
      chart.panes()[1]?.setStretchFactor(1);
      chart.timeScale().fitContent();
    },
  };
}
