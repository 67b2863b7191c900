// How numbers are written, by the rules that the tables were written by.

const grouped = (value, digits) =>
  value
    .toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    .replace(/^-(?=[0.]+$)/, ""); // no minus before 0

function profitText(percent) {
  if (!Number.isFinite(percent)) return "n/a";
  if (Math.abs(percent) < 0.05) return "0.0 %";
  const [sign, size] = [percent > 0 ? "+" : "-", Math.abs(percent)];
  if (size >= 999500) return `${sign}${size.toExponential(1).replace(/e\+(\d)$/, "e+0$1")} %`;
  return `${sign}${size < 999.95 ? size.toFixed(1) : grouped(Number(size.toPrecision(3)), 0)} %`;
}

const shareText = (share) => `${(100 * share).toFixed(1)} %`;

const priceText = (price, units) => grouped(price, Math.max(0, Math.min(8, Math.round(Math.log10(units)))));

// With seconds only where it has some.
const timeText = (seconds) => `${new Date(1000 * seconds).toISOString().slice(0, 19).replace("T", " ").replace(/(:\d\d):00$/, "$1")} UTC`;

const dateText = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 10);
