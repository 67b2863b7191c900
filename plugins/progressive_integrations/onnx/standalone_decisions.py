"""Decides with model.onnx and recipe.json alone: numpy and onnxruntime, no torch and no trainer.

    python decide.py bars.csv                  the decision on the newest bar
    python decide.py bars.csv --position long  what is held now
    python decide.py bars.csv --all            time and action of every bar, as CSV

From Python: `bars = read("bars.csv")`, then `actions(bars)` [bars] of "flat", "long", "short", or `advantages(bars)`.

Bars are taken as they are: one row a bar, in order of time, with the columns time, open, high, low, close, volume and those that the
recipe names. A gap begins a new stretch; shorter ones than `fill_minutes` are filled flat. Bad prints are not looked for.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RECIPE = json.loads((HERE / "recipe.json").read_text("utf-8")) if (HERE / "recipe.json").is_file() else {}
ACTIONS = ("flat", "long", "short")
PRICES = ("open", "high", "low", "close")
WINDOW = 512
"""Bars that the filter of regimes looks back."""
Bars = Mapping[str, Any]


def read(path: str) -> Bars:
    """The bars of a CSV file: arrays by column, `time` in nanoseconds, `segment` and `absent`.

    :raise SystemExit: it cannot be read, with one line that says why.
    """
    extra = [name for name in RECIPE["features"] if name not in RECIPE["built_in"]]
    names = ("time", *PRICES, "volume", *extra)
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if absent := [name for name in names if name not in (rows[0] if rows else {})]:
            raise ValueError(f"no {', '.join(absent)}; expected rows with the columns {', '.join(names)}")
        bars: dict[str, Any] = {"time": np.array([_nanoseconds(row["time"]) for row in rows])}
        for name in names[1:]:
            bars[name] = np.array([float(row[name] or "nan") for row in rows])
    except (OSError, ValueError, csv.Error) as error:
        raise SystemExit(f"{path}: cannot be read as a CSV file of bars: {error}") from error
    return prepared(bars, extra)


def prepared(bars: Bars, extra: list[str]) -> Bars:
    """Bars with short stretches filled flat (`absent`), the number of their `segment`, and `extra` columns complete."""
    step = round(RECIPE["interval_seconds"] * 1e9)
    missing = np.diff(bars["time"]) // step - 1
    if (missing < 0).any() or (np.diff(bars["time"]) % step).any():
        raise SystemExit(f"expected bars of {RECIPE['interval_seconds']:g} seconds, in order of time, each once")
    quiet = (missing > 0) & (missing * step <= RECIPE["fill_minutes"] * 60e9)
    repeats = np.append(np.where(quiet, missing, 0), 0) + 1
    row = np.repeat(np.arange(len(repeats)), repeats)
    offset = np.arange(len(row)) - (np.cumsum(repeats) - repeats)[row]
    made = {name: np.array(values[row]) for name, values in bars.items()}
    made["time"] += offset * step
    for name in ("open", "high", "low"):
        made[name][offset > 0] = made["close"][offset > 0]
    for name in {"volume", *RECIPE["flows"]} & set(made):
        made[name][offset > 0] = 0.0
    made["segment"] = np.append(0, np.cumsum((missing > 0) & ~quiet))[row]
    made["absent"] = offset > 0
    start = np.searchsorted(made["segment"], made["segment"])
    for name in extra:  # a missing value is the last one before it in its segment
        last = np.maximum.accumulate(np.where(np.isfinite(made[name]), np.arange(len(row)), -1))
        made[name] = np.where(last >= start, made[name][last], np.nan)
    return made


def features(bars: Bars) -> Any:
    """Standardised features [bars, columns] float32: averages of each raw feature at each scale."""
    columns = []
    for name in RECIPE["features"]:
        raw = _raw(bars, name)
        for span in RECIPE["scales"]:
            average = _average(raw, bars["segment"], 1 - 2 / (span + 1), _window(span)) if span > 1 else raw
            columns.append(np.where(np.abs(average) <= 1e29, average, np.nan).astype(np.float32))
    table = np.stack(columns, axis=1)
    table -= np.array(RECIPE["mean"], dtype=np.float32)
    table /= np.array(RECIPE["deviation"], dtype=np.float32)
    return np.nan_to_num(np.clip(table, -RECIPE["limit"], RECIPE["limit"]), nan=0.0)


def volatility(bars: Bars) -> Any:
    """Deviation of one bar's return as known at each bar [bars]."""
    span, segment = RECIPE["volatility_span"], bars["segment"]
    recent = _average(np.abs(_returns(bars)), segment, 1 - 2 / (span + 1), _window(span))
    usual = _average(recent, segment, 1.0, RECIPE["slow_window"])
    return (1.2533 * np.maximum(recent, 0.05 * np.where(usual == 0, 1e9, usual))).astype(np.float32)


def regimes(bars: Bars) -> Any:
    """Probability of each regime as known at each bar [bars, count] float32."""
    detector = RECIPE["regimes"]
    parameters = {name: np.array(values) for name, values in (detector["parameters"] or {}).items()}
    if detector["name"] == "quantile":
        number = np.searchsorted(parameters["borders"], volatility(bars), side="right")
        return np.eye(detector["count"], dtype=np.float32)[number]
    if detector["name"] != "hmm":
        raise SystemExit(
            f"the regimes {detector['name']!r} are of another package: give them to advantages(bars, regimes)"
        )
    mean, deviation, transition, start = (parameters[name] for name in ("mean", "deviation", "transition", "start"))
    logs = -0.5 * ((_returns(bars)[:, None] - mean) / deviation) ** 2 - np.log(deviation)
    likelihood = np.exp(np.maximum(logs - logs.max(axis=1, keepdims=True), -700.0))
    begins = np.diff(bars["segment"], prepend=-1) != 0
    likelihood[begins] = 1.0
    found = np.tile(start, (len(begins), 1))
    for back in range(min(WINDOW, len(begins)) - 1, -1, -1):  # the filter over the last bars, for all bars at once
        seen = np.arange(len(begins)) - back
        first = (seen <= 0) | begins[seen] | (back == WINDOW - 1)
        found = np.where(first[:, None], start, found @ transition) * likelihood[np.maximum(seen, 0)]
        found /= found.sum(axis=1, keepdims=True)
    return found.astype(np.float32)


def advantages(bars: Bars, known_regimes: Any = None) -> tuple[Any, Any]:
    """Advantage of long and short over flat [bars, 2] in units, and predictions [bars, horizons] in deviations, or None."""
    import onnxruntime

    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    given = {"features": features(bars)}
    if "regimes" in [each.name for each in session.get_inputs()]:
        given["regimes"] = regimes(bars) if known_regimes is None else known_regimes
    parts = [
        session.run(None, {name: values[first : first + 8192] for name, values in given.items()})
        for first in range(0, len(given["features"]), 8192)
    ]
    found = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return found[0], found[1] if len(found) > 1 else None


def actions(bars: Bars, first: int = 0, held: str = "flat", known_regimes: Any = None) -> Any:
    """What is decided on each bar from `first` on, where `held` is held at first: "flat", "long" or "short"."""
    values, _ = advantages(bars, known_regimes)
    costs = np.array([[np.inf if cost is None else cost for cost in row] for row in RECIPE["costs"]], dtype=np.float32)
    worth = (
        np.concatenate([np.zeros((len(values), 1), np.float32), values], axis=1)[:, None, :] - costs
    )  # [bars, from, to]
    absent, trading, position, decided = bars["absent"], _trading(bars, known_regimes), ACTIONS.index(held), []
    for bar in range(first, len(values)):
        if absent[bar]:
            pass  # nobody saw it in time: what is held stays
        elif not trading[bar]:
            position = 0
        else:
            each = worth[bar, position]
            options = [(each[to], to == position, -to) for to in range(3)]  # of equal ones what is held
            position = options.index(max(options))
        if not trading[bar]:
            position = 0
        decided.append(ACTIONS[position])
    return np.array(decided)


def _trading(bars: Bars, known_regimes: Any) -> Any:
    """Whether a position may be chosen at each bar: behind the warm-up of its segment, where the model trades."""
    start: Any = np.searchsorted(bars["segment"], bars["segment"])
    may = (np.arange(len(start)) - start >= RECIPE["warm_up"]) & RECIPE["trades"]
    if RECIPE["traded_regimes"] is None:
        return may
    found = regimes(bars) if known_regimes is None else known_regimes
    inside = np.isin(found.argmax(axis=1), RECIPE["traded_regimes"])
    seen = np.maximum.accumulate(np.where(bars["absent"], 0, np.arange(len(inside))))
    return may & inside[seen]  # an absent bar counts to the regime of the one before


def _raw(bars: Bars, name: str) -> Any:
    opened, high, low, close, volume = (bars[each] for each in (*PRICES, "volume"))
    if name == "log_return":
        return _returns(bars)
    if name == "absolute_return":
        return np.abs(_returns(bars))
    if name == "range":
        return np.log(high / low)
    if name == "volume":
        usual = _average(volume, bars["segment"], 1.0, RECIPE["slow_window"])
        return np.log(np.divide(volume, usual, out=np.zeros_like(usual), where=usual > 0) + 0.01)
    if name == "lean":
        spread = high - low
        return np.divide(high + low - opened - close, spread, out=np.zeros_like(spread), where=spread > 0)
    if name not in RECIPE["ratios"]:
        return bars[name]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bars[name] > 0, np.log(bars[name] / close), np.nan)


def _returns(bars: Bars) -> Any:
    returns: Any = np.diff(np.log(bars["close"]), prepend=np.log(bars["close"][0]))
    returns[np.diff(bars["segment"], prepend=-1) != 0] = 0.0
    return returns


def _window(span: int) -> int:
    return ceil(span * 10 / 3)


def _average(values: Any, segment: Any, decay: float, window: int) -> Any:
    """Mean of the last `window` bars of the same segment, the one `k` bars ago with the weight decay ** k; missing ones count nothing."""
    known = np.isfinite(values)
    averages = np.empty_like(values)
    borders = np.append(np.flatnonzero(np.diff(segment, prepend=-1)), len(values))
    for first, end in pairwise(borders):
        inside = slice(first, end)
        weights = _sums(known[inside].astype(np.float64), decay, window)
        sums = _sums(np.where(known[inside], values[inside], 0.0), decay, window)
        averages[inside] = sums / np.where(weights > 0, weights, np.nan)
    return averages


def _sums(values: Any, decay: float, window: int) -> Any:
    """Weighted sums over the last `window` values, in blocks as long as the window: nothing is subtracted."""
    steps = np.arange(window, dtype=np.float64)
    fading, growth, count = decay**steps, decay**-steps, len(values)
    blocks = np.append(values, np.zeros(-count % window)).reshape(-1, window)
    begun = np.cumsum(blocks * growth, axis=1) * fading
    later = np.cumsum((blocks * fading[::-1])[:, :0:-1], axis=1)[:, ::-1] * fading[1:]
    begun[1:, :-1] += later[:-1]
    return begun.reshape(-1)[:count]


def _nanoseconds(text: str) -> int:
    """A time in ISO form, UTC where it names no zone, or a number since 1970 in seconds, milli-, micro- or nanoseconds."""
    try:
        number = float(text)
    except ValueError:
        return int(
            np.datetime64(text.removesuffix("Z").removesuffix("+00:00").replace(" ", "T"), "ns").astype(np.int64)
        )
    return round(number * 1000.0 ** max(0, 3 - int(np.log10(max(abs(number), 1)) - 8) // 3))


def _main() -> None:
    parser = argparse.ArgumentParser(description="Decide on the newest bar of a CSV file.")
    parser.add_argument("bars")
    parser.add_argument("--position", choices=ACTIONS, default="flat", help="what is held now (default: flat)")
    parser.add_argument("--all", action="store_true", help="time and action of every bar, from flat")
    options = parser.parse_args()
    bars = read(options.bars)
    times = np.datetime_as_string(bars["time"].astype("datetime64[ns]"), unit="s")
    if options.all:
        print(
            "time,action", *(f"{time}Z,{action}" for time, action in zip(times, actions(bars), strict=True)), sep="\n"
        )
        return
    last = len(times) - 1
    print(f"{times[last]}Z: {actions(bars, last, options.position)[0]}, to be executed at the open of the next bar")
    if last + 1 < RECIPE["history"]:
        print(f"{last + 1} bars of history, and {RECIPE['history']} give the decision that was evaluated")


if __name__ == "__main__":
    _main()
