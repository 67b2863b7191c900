// Columns as `packed_columns.py` packs them: zigzag-coded differences of whole units, byte planes, deflate, base64.

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.bytes), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(inflated).arrayBuffer());
  const columns = { rows: packed.rows };
  packed.columns.forEach(({ name, units, first }, number) => {
    const start = number * 4 * packed.rows;
    const values = new Float64Array(packed.rows);
    let whole = first;
    for (let row = 0; row < packed.rows; row++) {
      const at = start + row;
      const zigzag =
        (planes[at] |
          (planes[at + packed.rows] << 8) |
          (planes[at + 2 * packed.rows] << 16) |
          (planes[at + 3 * packed.rows] << 24)) >>>
        0;
      whole += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
      values[row] = whole / units;
    }
    columns[name] = values;
  });
  return columns;
}

// The last row whose time is not after `time`, 0 where there is none; `times` ascend.
function rowAt(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
