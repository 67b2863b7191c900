"""Follows a feed with an account: each closed bar is decided on, kept in the journal, and then shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import asdict, frozen

from progressive_core.contract.errors import DataError, ModelError, PluginError
from progressive_front.paper.account_picture import PICTURE, draw_account
from progressive_front.paper.bar_feeds import Feed
from progressive_front.paper.paper_journal import PaperJournal
from progressive_front.paper.waiting_clock import JUMP, Clock

MOST_WAIT = 1.0
"""Seconds between two looks at the clock, so that a view counts down and a machine that woke up is noticed."""


@frozen(kw_only=True)
class PaperState:
    """What is shown: the account's `standing` (None before its first bar), why it holds what it holds, what is amiss with the bars, when the
    next bar closes (nanoseconds since 1970; None where nothing is waited for), and the newest `rows`."""

    standing: Any
    reason: str | None
    warnings: tuple[str, ...]
    closes: int | None
    rows: Sequence[Any]


class PaperView(Protocol):
    """Shows an account to a person or a program."""

    def bars(self, new: Sequence[Any], equities: Sequence[float], state: PaperState) -> None:
        """Bars were decided on. `equities`: the equity at the open of each."""

    def warn(self, text: str) -> None:
        """Something is amiss."""

    def waiting(self, state: PaperState, now: int) -> None:
        """A second has passed."""


class Following:
    """An `account` on a `feed`, whose `picture` is drawn anew with each look that brings bars. It keeps waiting where `endless`, else it ends
    with what is there."""

    def __init__(
        self, account: Any, journal: PaperJournal, feed: Feed, clock: Clock, view: PaperView, *, endless: bool
    ) -> None:
        self._account, self._journal, self._feed, self._clock, self._view = account, journal, feed, clock, view
        self._endless = endless
        self.picture = journal.file.with_name(PICTURE)
        self._said: set[str] = set()
        self._outage: set[str] = set()
        self._is_late = False

    def run(self) -> None:
        """Follow to the end, or until it is interrupted.

        :raise DataError: a feed that need not be waited for cannot be read. :raise ModelError: its bars cannot be used.
        :raise WriteError: the journal cannot be written.
        """
        self._look()
        wait = self._feed.soonest
        while self._endless:
            until = self._clock.now() + round(wait * 1e9)
            while (left := (until - self._clock.now()) / 1e9) > 0:
                jump = self._clock.wait(min(left, MOST_WAIT))
                if abs(jump) > JUMP:
                    self._view.warn(
                        f"the clock moved by {_long(jump)}: the machine slept, or its clock was set; the account goes on "
                        f"with every bar since"
                    )
                    break
                self._view.waiting(self.state(), self._clock.now())
            wait = self._next_wait(came=self._look(), wait=wait)

    def state(self) -> PaperState:
        """What is shown now."""
        rows = self._account.rows
        closes = rows[-1].time + 2 * self._account.interval if rows and self._endless else None
        return PaperState(
            standing=self._standing if rows else None,
            reason=self._account.reason,
            warnings=self._account.warnings,
            closes=closes,
            rows=rows[-6:],
        )

    @property
    def _standing(self) -> Any:
        count = len(self._account.rows)
        if getattr(self, "_counted", None) != count:
            self._counted, self._newest = count, self._account.standing()
        return self._newest

    def _next_wait(self, wait: float, *, came: bool) -> float:
        """Seconds to the next look: a little after the next bar closes, or, where it is late, longer each time up to a minute."""
        state, soonest = self.state(), self._feed.soonest
        late = 0.0 if state.closes is None else (self._clock.now() - state.closes) / 1e9
        if soonest <= MOST_WAIT:  # a file costs nothing to look at
            wait = soonest
        elif late < 0:
            return -late + MOST_WAIT
        else:
            wait = soonest if came else min(60.0, 1.5 * max(wait if wait <= 60 else soonest, soonest))
        if late > self._account.interval / 1e9 and not self._is_late:
            self._is_late = True
            self._view.warn(f"{self._feed.name}: a bar should have closed {_long(late)} ago, and has not come")
        return wait

    def _look(self) -> bool:
        """Whether new bars came, and were decided on."""
        try:
            source = self._feed.newest(self._account.bars_needed(self._clock.now()))
            if source is None:
                return False
            new = self._account.follow(source)
        except (DataError, ModelError, PluginError) as error:
            if not self._endless or not self._account.rows:
                raise
            self._say(str(error), self._outage)
            return False
        self._outage.clear()
        if self._account.changed:
            self._say(self._account.changed)
        if not new:
            return False
        before = len(self._account.rows) - len(new)
        try:
            equity = [1.0, *self._account.trajectory()["equity"].tolist()]  # at each open, and at the newest one's sale
            equities = equity[before : len(equity) - 1]
            self._journal.append([{**asdict(row), "equity": each} for row, each in zip(new, equities, strict=True)])
        except BaseException:  # Ctrl-C, or a full disk: what is summed up is on the disk
            del self._account.rows[before:]
            raise
        self._view.bars(new, equities, self.state())
        for warning in self._account.warnings:
            self._say(warning)
        self._is_late = False
        try:
            draw_account(self._account, f"{self._journal.begun['bucket']} on paper: {self._feed.name}", self.picture)
        except OSError as error:
            self._say(f"{self.picture}: cannot be written ({error.strerror})")
        return True

    def _say(self, text: str, said: set[str] | None = None) -> None:
        """Warn of something that was not `said`."""
        said = self._said if said is None else said
        if text not in said:
            said.add(text)
            self._view.warn(text)


def _long(seconds: float) -> str:
    """A span of time, for people."""
    for size, unit in ((86400, "days"), (3600, "hours")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds / 60:,.0f} minutes"
