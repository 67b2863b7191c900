"""`paper`: opens a model, its journal and a feed, follows, and sums up."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from math import isclose
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.locks.lock import lock_run
from progressive_app.machine.durable_files import make_directory, place_for_reports
from progressive_app.machine.logs import configure_logging
from progressive_core import PROGRAM
from progressive_core.contract.errors import ModelError, RunError, WriteError
from progressive_front.commands.named_run import errors_naming
from progressive_front.export.found_model import FoundModel, found_model
from progressive_front.load_model import load_model
from progressive_front.paper.bar_feeds import ExchangeFeed, Feed, FileFeed
from progressive_front.paper.following import Following
from progressive_front.paper.paper_journal import JOURNAL, PaperJournal, source_of
from progressive_front.paper.shown_paper import view_of
from progressive_front.paper.waiting_clock import Clock
from progressive_front.signals import ending_signal

PLACE = "paper"
"""The directory of accounts, in that of their run."""
SAME = 1e-9
"""Difference of two equities, as a share, that another processor makes."""


@frozen(kw_only=True)
class AskedPaper:
    """What the command line asks for, None where not given. `model`: RUN or RUN/Bucket. `follow`: wait for more bars."""

    model: Path
    bucket: str | None
    data: Path | None
    follow: bool
    exchange: str | None
    symbol: str | None
    since: str | None
    policy: str
    name: str | None
    market: str | None


def run_paper(
    asked: AskedPaper, flags: Mapping[str, Any], config: Path | None, *, as_json: bool, clock: Clock | None = None
) -> int:
    """Follow, until the bars end or Ctrl-C, and sum up.

    :return: 0, or 130 after Ctrl-C, 143 after SIGTERM and 129 where its terminal was closed.
    :raise RunError: there is no such run, or its account is another one's or in use.
    :raise ModelError: its model cannot be used on the bars. :raise DataError: there are none. :raise WriteError: the journal cannot be written.
    """
    configure_logging()
    found = found_model(asked.model, asked.bucket, config, flags)
    model = _served(found, asked)
    time = clock or Clock()
    feed = _feed(asked, model, found.bucket)
    place = place_for_reports(found.directory or found.file.parent) / PLACE
    if asked.data is None:
        feed.name = _spelling(place, found.bucket, feed.name, asked)
    name = asked.name or _account_name(found.bucket, asked.data.stem if asked.data else feed.name, asked.policy)
    directory = place / name
    try:
        make_directory(directory)
    except OSError as error:
        raise WriteError(
            f"{directory}: cannot be made ({error.strerror}); move it away, or name another account with --name"
        ) from error
    lock = lock_run(directory, "keeping this account")
    try:
        newest = None if asked.data else time.now() - round(2e9 * model.card.interval_seconds) + 1
        journal = PaperJournal(directory, _begun(found, asked, feed), newest)
        account = _account(model, journal)
        with ending_signal() as ended, view_of(found, feed.name, journal, as_json=as_json) as view:
            following = Following(account, journal, feed, time, view, endless=asked.follow)
            status = 0
            try:
                if asked.data is None:
                    following.run()
                else:
                    with errors_naming(asked.data):
                        following.run()
            except KeyboardInterrupt:
                status = ended.exit_code
            picture = following.picture if following.picture.is_file() else None
            view.ended(following.state(), picture, _again(asked, name))
        return status
    finally:
        lock.release()


def _served(found: FoundModel, asked: AskedPaper) -> Any:
    model = load_model(found.file, policy=asked.policy)
    if not isinstance(model, import_module("progressive_training.market").ServedModel):
        raise ModelError(
            f"{found.file}: models of bucket {found.bucket!r} are no ServedModel of progressive_training.market, so no account can be kept of them"
        )
    return model if asked.market is None else model.of_market(asked.market)


def _feed(asked: AskedPaper, model: Any, bucket: str) -> Feed:
    if asked.data is not None:
        return FileFeed(asked.data)
    return ExchangeFeed(str(asked.exchange), model, bucket, asked.symbol)


def _begun(found: FoundModel, asked: AskedPaper, feed: Feed) -> dict[str, Any]:
    """What the first line of the journal says."""
    since = None
    if asked.since is not None:
        since = import_module("progressive_training.market").moment_of(asked.since).value
    return {
        "bucket": found.bucket,
        "model": sha256(found.file.read_bytes()).hexdigest(),
        "policy": asked.policy,
        "market": asked.market,
        "source": feed.name,
        "since": since,
    }


def _account(model: Any, journal: PaperJournal) -> Any:
    """The account that the journal holds.

    :raise RunError: its rows are not what they were, or their equity does not follow from them.
    """
    market = import_module("progressive_training.market")
    rows, equities = [], []
    try:
        for line in journal.rows:
            equities.append(float(line.pop("equity")))
            rows.append(market.PaperBar(**line))
        account = market.PaperAccount(model, rows, journal.begun["since"])
        counted = [1.0, *account.trajectory()["equity"].tolist()][:-1] if rows else []
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{journal.file}: damaged ({error!r:.100})") from error
    for row, kept, own in zip(rows, equities, counted, strict=True):
        if not isclose(kept, own, rel_tol=SAME):
            raise RunError(f"{journal.file}: the equity {kept:g} at {row.time} does not follow from its bars ({own:g})")
    return account


def _spelling(place: Path, bucket: str, source: str, asked: AskedPaper) -> str:
    """How the account that is there spells the market of an exchange: BTCUSDT and BTC/USDT are one. As it is given without an account."""
    for file in sorted(place.glob(f"{glob.escape(asked.name)}/{JOURNAL}" if asked.name else f"*/{JOURNAL}")):
        kept = source_of(file)
        if kept is None or _letters(kept) != _letters(source):
            continue
        if file.parent.name == (asked.name or _account_name(bucket, kept, asked.policy)):
            return kept
    return source


def _letters(source: str) -> str:
    return re.sub(r"[-/_ ]", "", source.upper())


def _account_name(bucket: str, source: str, policy: str) -> str:
    name = f"{bucket}-{source}-{policy}".removesuffix("-verdict")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:80]


def _again(asked: AskedPaper, name: str) -> str:
    """The command that goes on."""
    words = [PROGRAM, "paper", str(asked.model), *(["--bucket", asked.bucket] if asked.bucket else [])]
    words += ["--data", str(asked.data), "--follow"] if asked.data else ["--exchange", str(asked.exchange)]
    words += ["--symbol", asked.symbol] if asked.symbol else []
    words += ["--policy", asked.policy] if asked.policy != "verdict" else []
    words += ["--market", asked.market] if asked.market else []
    words += ["--from", asked.since] if asked.since else []
    return shlex.join([*words, "--name", name] if asked.name else words)
