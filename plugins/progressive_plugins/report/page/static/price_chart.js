// Candles with the trades of one bucket; a click on a trade opens it below.

const LOG_PRICES = 5; // from this factor between prices a log scale reads better

function newPriceChart(box, logButton, openTrade) {
  const chart = newChart(box);
  const series = chart.addSeries(LightweightCharts.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
  const [bands, trades] = [new Bands(), new TradeLayer()];
  bands.named = true;
  series.attachPrimitive(bands);
  series.attachPrimitive(trades);
  const hover = document.getElementById("price-hover");
  let [shown, candles] = [null, null];

  const recolour = () => {
    const [up, down] = [colour("candle-up"), colour("candle-down")];
    series.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down, borderVisible: false });
  };
  themeListeners.push(recolour);
  recolour();

  // Beside the axis as few decimals as tell its prices apart.
  const tickTexts = (prices) => {
    const different = (digits) => new Set(prices.map((price) => price.toFixed(digits))).size === prices.length;
    const digits = [0, 1, 2, 3, 4, 5, 6, 7].find(different) ?? 8;
    return prices.map((price) => grouped(price, digits));
  };
  function setLog(wanted) {
    const { Logarithmic, Normal } = LightweightCharts.PriceScaleMode;
    series.priceScale().applyOptions({ mode: wanted ? Logarithmic : Normal });
    logButton.setAttribute("aria-pressed", wanted);
  }
  logButton.addEventListener("click", () => setLog(logButton.getAttribute("aria-pressed") !== "true"));

  const text = (value) => priceText(value, candles.units);
  chart.subscribeClick(({ point }) => {
    const trade = point ? trades.at(point.x, point.y) : -1;
    if (trade >= 0) openTrade(trade);
  });
  chart.subscribeCrosshairMove(({ seriesData }) => {
    const bar = seriesData.get(series);
    hover.textContent = bar
      ? `${timeText(bar.time)}   open ${text(bar.open)}  high ${text(bar.high)}  low ${text(bar.low)}  close ${text(bar.close)}`
      : "";
  });

  return {
    trades,
    show(bucket, columns) {
      if (shown !== columns) {
        [shown, candles] = [columns, columns];
        const rows = Array.from(columns.time, (time, row) => ({
          time,
          open: columns.open[row],
          high: columns.high[row],
          low: columns.low[row],
          close: columns.close[row],
        }));
        series.applyOptions({
          priceFormat: { type: "custom", formatter: text, tickmarksFormatter: tickTexts, minMove: 1 / columns.units },
        });
        series.setData(rows);
        chart.timeScale().fitContent();
        const [lowest, highest] = [Math.min, Math.max].map((pick) => columns.close.reduce((a, b) => pick(a, b)));
        setLog(lowest > 0 && highest / lowest > LOG_PRICES);
        const merged = rows.length === columns.bars ? 1 : columns.merged;
        Object.assign(document.documentElement.dataset, {
          candles: series.data().length,
          bars: Math.min(series.data().length * merged, columns.bars),
        });
      }
      bands.show(columns.time, bucket.parts, bucket.gaps);
      trades.show(bucket.trades, columns.time);
    },
    // Part by its name, or everything.
    zoom(part) {
      if (!part) return chart.timeScale().fitContent();
      return chart.timeScale().setVisibleLogicalRange({
        from: rowAt(candles.time, part.first),
        to: rowAt(candles.time, part.last),
      });
    },
    // By a factor about the middle of the view.
    zoomBy(factor) {
      const { from, to } = chart.timeScale().getVisibleLogicalRange();
      const [middle, half] = [(from + to) / 2, ((to - from) / 2) * factor];
      chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
    },
    goTo(trade) {
      const [first, last] = [trades.entry[trade], trades.exit[trade]];
      const margin = Math.max(30, 1.5 * (last - first));
      chart.timeScale().setVisibleLogicalRange({ from: first - margin, to: last + margin });
    },
    showTrades(visible) {
      trades.visible = visible;
      trades.update();
    },
  };
}
