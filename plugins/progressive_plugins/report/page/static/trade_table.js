// The table of trades, a page of rows at a time, newest first, and the opened trade above it.

const ROWS = 12;

function newTradeTable(section, selected) {
  const [body, pager] = [section.querySelector("tbody"), section.querySelector(".pager")];
  const detail = document.getElementById("open-trade");
  let [trades, bucket, page, open] = [null, null, 0, -1];

  const side = (trade) => (trades.short[trade] ? "short" : "long");
  const cells = (trade) => [
    timeText(trades.entry_time[trade]),
    side(trade),
    priceText(trades.entry_price[trade], trades.units),
    timeText(trades.exit_time[trade]),
    priceText(trades.exit_price[trade], trades.units),
    grouped(trades.bars[trade], 0),
    profitText(trades.profit[trade]),
    bucket.reasons[trades.reason[trade]],
    bucket.parts[trades.part[trade]].name,
  ];

  function drawPage() {
    const pages = Math.max(1, Math.ceil(trades.rows / ROWS));
    page = Math.max(0, Math.min(page, pages - 1));
    const last = trades.rows - 1 - page * ROWS;
    body.replaceChildren();
    for (let trade = last; trade > last - ROWS && trade >= 0; trade--) {
      const row = body.insertRow();
      row.dataset.trade = trade;
      row.ariaSelected = trade === open;
      cells(trade).forEach((text, column) => {
        const cell = row.insertCell();
        if (column) cell.textContent = text;
        else cell.append(Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: text }));
        if ([0, 1, 3, 7, 8].includes(column)) cell.className = "text";
        if (column === 6) cell.className = trades.won[trade] ? "win" : "loss";
      });
      row.addEventListener("click", () => selected(trade));
    }
    pager.querySelector("output").textContent = trades.rows
      ? `${grouped(page * ROWS + 1, 0)} to ${grouped(Math.min(trades.rows, (page + 1) * ROWS), 0)} of ${grouped(trades.rows, 0)}`
      : "";
    const [newer, older] = pager.querySelectorAll("button");
    newer.disabled = page === 0;
    older.disabled = page >= pages - 1;
  }

  const turn = (by) => () => {
    page += by;
    drawPage();
  };
  const [newer, older] = pager.querySelectorAll("button");
  newer.addEventListener("click", turn(-1));
  older.addEventListener("click", turn(1));

  const [earlier, later, close] = detail.querySelectorAll("button");
  earlier.addEventListener("click", () => selected(open - 1));
  later.addEventListener("click", () => selected(open + 1));
  close.addEventListener("click", () => selected(-1));

  return {
    show(newBucket) {
      [bucket, trades, page] = [newBucket, newBucket.trades, 0];
      section.hidden = !trades.rows;
      document.getElementById("no-trades").hidden = !section.hidden;
      this.open(-1);
    },
    open(trade) {
      open = trade;
      detail.hidden = trade < 0;
      if (trade < 0) delete document.documentElement.dataset.openTrade;
      else {
        document.documentElement.dataset.openTrade = trade;
        page = Math.floor((trades.rows - 1 - trade) / ROWS);
        const [entered, way, price, left, exitPrice, bars, profit, reason, part] = cells(trade);
        const texts = { way, entry: `${entered} at ${price}`, exit: `${left} at ${exitPrice}`, bars, profit, reason, part };
        for (const [name, text] of Object.entries(texts)) detail.querySelector(`[data-of=${name}]`).textContent = text;
        detail.querySelector("[data-of=profit]").className = trades.won[trade] ? "win" : "loss";
        earlier.disabled = trade === 0;
        later.disabled = trade === trades.rows - 1;
      }
      drawPage();
    },
  };
}
