// Ties the page together: the bucket in view, its charts, and what is copied.

const data = JSON.parse(document.getElementById("chart-data").textContent);
const charts = document.getElementById("charts");
const tabs = [...document.querySelectorAll("[role=tab]")];
const loaded = new Map(); // what was unpacked, by the object it was packed in
let views = null;

async function load(packed) {
  if (!loaded.has(packed)) loaded.set(packed, unpack(packed));
  return loaded.get(packed);
}

function makeViews() {
  const openTrade = (trade) => {
    prices.trades.select(trade);
    if (trade >= 0) prices.goTo(trade);
    table.open(trade);
  };
  const [trades, log, closer, wider] = document.querySelectorAll("#price-tools > button");
  const prices = newPriceChart(document.getElementById("price-chart"), log, (trade) => {
    prices.trades.select(trade);
    table.open(trade);
  });
  const table = newTradeTable(document.getElementById("trade-table"), (trade) => {
    openTrade(trade);
    if (trade >= 0) document.getElementById("price-chart").scrollIntoView({ block: "nearest" });
  });
  trades.addEventListener("click", () => {
    const visible = trades.getAttribute("aria-pressed") !== "true";
    trades.setAttribute("aria-pressed", visible);
    prices.showTrades(visible);
  });
  closer.addEventListener("click", () => prices.zoomBy(0.5));
  wider.addEventListener("click", () => prices.zoomBy(2));
  const equity = newEquityChart(
    document.getElementById("equity-chart"),
    document.getElementById("equity-legend"),
    document.getElementById("equity-scale"),
  );
  return { prices, table, equity };
}

async function showBucket(name) {
  for (const tab of tabs) {
    const chosen = tab.dataset.bucket === name;
    tab.ariaSelected = chosen;
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).classList.toggle("shown", chosen);
  }
  document.documentElement.dataset.bucket = name;
  const packed = data.buckets[name];
  charts.hidden = !packed;
  if (!packed) {
    document.documentElement.dataset.ready = name;
    return;
  }
  const [candles, trades, equity] = await Promise.all([
    load(data.candles[packed.candles]),
    load(packed.trades),
    load(packed.equity),
  ]);
  if (document.documentElement.dataset.bucket !== name) return; // another one was chosen meanwhile
  views ||= makeViews();
  const about = data.candles[packed.candles];
  Object.assign(candles, { bars: about.bars, merged: about.merged, units: unitsOf(about, "close") });
  trades.units = unitsOf(packed.trades, "entry_price");
  const bucket = { ...packed, trades, equity };
  views.prices.show(bucket, candles);
  views.table.show(bucket);
  views.equity.show(bucket);
  choice(document.getElementById("price-parts"), ["all", ...packed.parts.map((part) => part.name)], (chosen) =>
    views.prices.zoom(packed.parts.find((part) => part.name === chosen)),
  );
  document.documentElement.dataset.ready = name;
}

const unitsOf = (packed, name) => packed.columns.find((column) => column.name === name).units;

tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => showBucket(tab.dataset.bucket));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(place + step + tabs.length) % tabs.length];
    next.focus();
    showBucket(next.dataset.bucket);
  });
});

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      document.execCommand("copy"); // pages opened from a file may not have a clipboard
    }
    button.textContent = "copied";
  });
}

document.documentElement.classList.add("scripted");
if (tabs.length) showBucket(tabs[0].dataset.bucket);
