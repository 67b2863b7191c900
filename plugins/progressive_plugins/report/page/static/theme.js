// Light and dark: that of the system until the switch is used. Canvases cannot read CSS variables, so colours are looked up.

const themeListeners = [];
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (systemDark.matches ? "dark" : "light")) === "dark";

const colours = new Map();

function colour(name) {
  if (colours.has(name)) return colours.get(name);
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  colours.set(name, found);
  return found;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  themeChanged();
}

function themeChanged() {
  colours.clear();
  for (const listener of themeListeners) listener();
}

systemDark.addEventListener("change", themeChanged);
document.getElementById("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));

// Paper is white, whatever the screen was.
let before = null;
addEventListener("beforeprint", () => {
  before = document.documentElement.dataset.theme;
  setTheme("light");
});
addEventListener("afterprint", () => {
  if (before) setTheme(before);
  else {
    delete document.documentElement.dataset.theme;
    themeChanged();
  }
});

const chartOptions = () => ({
  layout: {
    background: { type: "solid", color: colour("surface") },
    textColor: colour("quiet"),
    fontFamily: getComputedStyle(document.body).fontFamily,
    fontSize: 11,
    panes: { separatorColor: colour("line"), enableResize: false },
  },
  grid: { vertLines: { visible: false }, horzLines: { color: colour("grid") } },
  crosshair: {
    mode: LightweightCharts.CrosshairMode.Normal,
    vertLine: { color: colour("quiet"), labelBackgroundColor: colour("accent-strong") },
    horzLine: { color: colour("quiet"), labelBackgroundColor: colour("accent-strong") },
  },
});

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY = 86400;

// A time below a chart: a clock where days are in view, a day where more are, whatever the library would rather have.
function tickText(chart, seconds, kind) {
  const { Year, Month } = LightweightCharts.TickMarkType;
  const date = new Date(1000 * seconds);
  const range = chart.timeScale().getVisibleRange();
  if (kind === Year) return `${date.getUTCFullYear()}`;
  if (kind === Month) return MONTHS[date.getUTCMonth()];
  const clock = timeText(seconds).slice(11, -4);
  if (clock !== "00:00" && range && range.to - range.from < 12 * DAY) return clock;
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

function newChart(box) {
  const chart = LightweightCharts.createChart(box, {
    ...chartOptions(),
    autoSize: true,
    rightPriceScale: { borderVisible: false, entireTextOnly: true },
    timeScale: {
      borderVisible: false,
      timeVisible: true,
      secondsVisible: false,
      minBarSpacing: 0.001,
      enableConflation: true,
      fixLeftEdge: true,
      fixRightEdge: true,
      tickMarkFormatter: (seconds, kind) => tickText(chart, seconds, kind),
    },
    localization: { locale: "en-GB", timeFormatter: timeText },
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
  });
  // The wheel scrolls the page; with Ctrl (as pinching on a touchpad sends it) it zooms the chart.
  box.addEventListener("wheel", (event) => event.ctrlKey || event.stopPropagation(), { capture: true });
  themeListeners.push(() => chart.applyOptions(chartOptions()));
  return chart;
}

// Buttons that each choose one of several; returns a function that marks one as chosen.
function choice(box, names, chosen) {
  const buttons = names.map((name) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.addEventListener("click", () => chosen(name));
    return button;
  });
  box.replaceChildren(...buttons);
  return (name) => buttons.forEach((each) => each.setAttribute("aria-pressed", each.textContent === name));
}
