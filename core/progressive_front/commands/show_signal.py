"""`signal`: what the models of a run decide on the newest closed bar of a file or an exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from time import time_ns
from typing import Any

from attrs import frozen

from progressive_app.exchanges.named_exchange import exchange_named
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import one_line, print_text
from progressive_app.presentation.quantities import utc_text
from progressive_app.presentation.text_table import MISSING, sentence, table
from progressive_core.contract.errors import ModelError, ProgressiveTrainingError, RunError
from progressive_core.contract.profit import percent
from progressive_core.contract.suggest import did_you_mean
from progressive_front.commands.exchange_bars import Needed, needed_bars
from progressive_front.commands.named_run import MARKET, errors_naming, usable
from progressive_front.commands.walked_run import results_in, used_model
from progressive_front.load_model import load_model
from progressive_front.output import show_json, stdout_reserved

PREDICTED = "expected return in per cent of the price over so many bars, from the next fill on"
VALUED = "expected gain over staying flat in per cent of the equity"
HEADS = ("BUCKET", "NEWEST CLOSED BAR", "ACTION", "REASON", "EXPECTED")


@frozen(kw_only=True)
class AskedExchange:
    """An exchange to take the bars of, and its market; None for the one that a model was trained on."""

    name: str
    symbol: str | None


@frozen(kw_only=True)
class _Signal:
    """What one model decided: what its answer holds, as JSON values, and what it was decided on.

    `time` is the open of the bar that was decided on, `first` and `last` those of the bars that were read, of which there are
    `bars`; all None where the model does not say.
    """

    bucket: str
    time: str | None
    action: str
    reason: str | None
    values: Mapping[str, float]
    value_unit: str | None
    predictions: Mapping[int, float]
    prediction_unit: str | None
    warnings: tuple[str, ...]
    market: str | None
    bars: int | None
    first: str | None
    last: str | None


def show_signal(
    run: Path,
    flags: Mapping[str, Any],
    config: Path | None,
    source: Path | AskedExchange,
    bucket: str | None,
    position: str,
    *,
    as_json: bool,
) -> int:
    """Show the decision on the newest closed bar of a file or an exchange, of one bucket of a run or of each whose model can be loaded.

    :param run: the directory of a run or a walk-forward, or its name; or RUN/Bucket. :param flags: RUNS_DIR, and MARKET of a file.
    :param position: what is held now: "flat", "long" or "short".
    :raise RunError: there is no such run, or no such bucket in it. :raise DataError: the file cannot be read.
    :raise ModelError: a model cannot be used on such bars, or none be loaded.
    """
    configure_logging()
    directory, bucket = used_model(run, bucket, config, flags)
    signals = []
    with stdout_reserved():
        models = {name: load_model(directory / "models" / name) for name in _chosen(directory, bucket)}
        if isinstance(source, Path):
            for name, model in models.items():
                with errors_naming(source):
                    signals.append(_signal(model, name, source, flags.get(MARKET), position))
        else:
            for name, bars in _fetched(models, source).items():
                signals.append(_signal(models[name], name, bars, None, position))
    return show_json(signals) if as_json else _show(signals, source.name)


def _fetched(models: Mapping[str, Any], source: AskedExchange) -> dict[str, Any]:
    """The bars that each model needs, fetched once where several need the same, as many as the one that looks furthest back."""
    exchange = exchange_named(source.name)
    needed = {name: needed_bars(model, name, exchange, source.symbol) for name, model in models.items()}
    most: dict[tuple[str, str], Needed] = {}
    for each in sorted(needed.values(), key=lambda each: each.count):
        most[each.symbol, each.timeframe] = each
    bars = {market: each.fetch(exchange) for market, each in most.items()}
    return {name: bars[each.symbol, each.timeframe] for name, each in needed.items()}


def _chosen(directory: Path, bucket: str | None) -> list[str]:
    """The bucket that is asked for, or all whose models can be loaded."""
    finished = [result.bucket for result in results_in(directory)]
    if bucket is not None and bucket not in finished:
        raise RunError(
            f"{directory}: no result of {bucket!r}.{did_you_mean(bucket, finished)} Finished: {', '.join(finished)}"
        )
    return usable(directory, finished if bucket is None else [bucket])


def _signal(model: Any, bucket: str, file: Any, market: str | None, position: str) -> _Signal:
    try:
        if market is not None and callable(getattr(model, "of_market", None)):
            model = model.of_market(market)
        read = model.read(file, "drop") if callable(getattr(model, "read", None)) else None
        return _of_answer(_answer(model, file if read is None else read, position), read, bucket)
    except ProgressiveTrainingError:
        raise
    except Exception as error:  # a stranger's model
        raise ModelError(f"the model of bucket {bucket!r} gave no answer: {error!r:.200}") from error


def _of_answer(answer: Any, read: Any, bucket: str) -> _Signal:
    """The signal in an answer, which may be an action alone, on the bars that were `read`, where the model could say."""
    predictions = {int(bars): percent(float(value)) for bars, value in getattr(answer, "predictions", {}).items()}
    values = {str(action): percent(float(value)) for action, value in getattr(answer, "values", {}).items()}
    reason = getattr(answer, "reason", None)
    return _Signal(
        bucket=bucket,
        time=_iso(getattr(answer, "time", None)),
        action=str(getattr(answer, "action", answer)),
        reason=None if reason is None else str(reason),
        values=values,
        value_unit=VALUED if values else None,
        predictions=predictions,
        prediction_unit=PREDICTED if predictions else None,
        warnings=(*map(str, getattr(answer, "warnings", ())), *_stale(read)),
        market=None if read is None else read.report.market or None,
        bars=None if read is None else len(read),
        first=None if read is None else _iso(read.time[0]),
        last=None if read is None else _iso(read.time[-1]),
    )


def _stale(read: Any) -> list[str]:
    """A warning where the newest bar closed longer ago than a bar lasts: the feed has stopped, or the file is old."""
    ago = 0 if read is None else time_ns() - int(read.time[-1]) - 2 * read.interval
    if ago <= 0:
        return []
    import pandas as pd

    return [f"the newest closed bar ended {pd.Timedelta(ago + read.interval).floor('min')} ago"]


def _answer(model: Any, bars: Any, position: str) -> Any:
    """What `model` says; it is handed of the position, and what to do with a bar that is forming, what it takes."""
    given = {"position": position, "forming": "drop"}
    return model(bars, **{name: value for name, value in given.items() if name in signature(model).parameters})


def _iso(time: Any) -> str | None:
    """A time in ISO form, UTC."""
    if time is None:
        return None
    import pandas as pd

    moment = pd.Timestamp(time)
    return (moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")).isoformat()


def _show(signals: Sequence[_Signal], source: str) -> int:
    rows = [(each.bucket, _moment(each.time), each.action, each.reason or MISSING, _expected(each)) for each in signals]
    print_text(table(HEADS, rows))
    for warning in dict.fromkeys(warning for each in signals for warning in each.warnings):
        whose = ", ".join(each.bucket for each in signals if warning in each.warnings)
        print_text(sentence(f"warning: {whose}: {one_line(warning)}", indent="  "))
    known = dict.fromkeys((each.bars, each.first, each.last, each.market) for each in signals if each.bars is not None)
    for bars, first, last, market in known:
        of = f"{market} in {source}" if market else source
        print_text(
            sentence(f"read: {bars:,} closed bars of {of}, from {_moment(first)} to {_moment(last)}", indent="  ")
        )
    return 0


def _moment(time: str | None) -> str:
    return MISSING if time is None else utc_text(time)


def _expected(signal: _Signal) -> str:
    """The expected return over the longest horizon, in per cent of the price, to two digits: it may be over few bars."""
    if not signal.predictions:
        return MISSING
    longest = max(signal.predictions)
    return f"{signal.predictions[longest]:+.2f} % in {longest} bars"
