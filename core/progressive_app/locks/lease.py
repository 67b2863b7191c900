"""A lease on a run, or on another file: who has it, where the file lock of one machine does not hold on another, or there is none.

Its file names the holder, which touches it every few seconds. One that is no longer touched is taken over, and so is that of an
earlier attempt at the same task: whoever began the later attempt had given the earlier one up. The holder looks before each
write whether the lease is still its own, so that a worker that was given up and is alive stops before its next commit.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil
from attrs import asdict, frozen

from progressive_app.machine.undoing import undone_after
from progressive_core.contract.errors import RunError

LEASE = ".lease"
BEAT = 5.0
"""Seconds between two touches of a lease."""
STALE = 30.0
"""Seconds without a touch after which a lease may be taken over. Its last change is compared, and no two machines' clocks."""
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


@frozen(kw_only=True)
class Claim:
    """By what right this process trains: an `attempt` at a task, of one `session` of whoever hands them out.

    `leased`: by a lease, beside the file lock.
    """

    session: str
    attempt: int
    leased: bool = False


_claim: ContextVar[Claim | None] = ContextVar("by what right this context trains", default=None)


@contextmanager
def claimed_by(claim: Claim | None) -> Iterator[None]:
    """Within it, runs are taken by this claim."""
    with undone_after(partial(_claim.set, _claim.get())):
        _claim.set(claim)
        yield


def current_claim() -> Claim | None:
    """That of this context."""
    return _claim.get()


@frozen(kw_only=True)
class _Holder:
    """What a lease says; `token` is of this lease alone, `began` tells a process from a later one of its number."""

    host: str
    process: int
    began: float
    session: str
    attempt: int
    token: str

    @classmethod
    def of_this_process(cls, claim: Claim | None) -> Self:
        process = psutil.Process()
        return cls(
            host=socket.gethostname(),
            process=process.pid,
            began=process.create_time(),
            session=claim.session if claim else "",
            attempt=claim.attempt if claim else 1,
            token=secrets.token_hex(8),
        )

    def may_be_taken_by(self, other: Self) -> bool:
        """Whether this holder has been given up, or has ended on the other's own machine."""
        if self.session and self.session == other.session:
            return self.attempt < other.attempt
        if self.host != other.host:
            return False
        try:
            process = psutil.Process(self.process)
            return process.create_time() != self.began or process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True


_BEING_TAKEN = _Holder(host="another machine or this one", process=0, began=0.0, session="", attempt=1, token="")
"""Of a lease whose holder has not written into it yet, or never will."""


class LeaseHeld(RunError):
    """Another process holds a lease: the text says which."""


class Lease:
    """The lease in the file at `path`, which this process holds once it is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder = _Holder.of_this_process(current_claim())
        self._own = path.with_name(f"{path.name}.{self._holder.token}.partial")
        self._ended = threading.Event()

    def take(self) -> None:
        """Take it; wait for another one that may be stale.

        :raise LeaseHeld: another process holds it. :raise OSError: its file cannot be written.
        """
        self._own.write_bytes(self._document)
        try:
            await_lease(self._path, self._holder)
            self._put()
        except FileExistsError:
            raise LeaseHeld("another process") from None
        finally:
            self._own.unlink()
        threading.Thread(target=self._beat, name="heart-beat of a lease", daemon=True).start()

    @property
    def _document(self) -> bytes:
        return json.dumps(asdict(self._holder)).encode()

    def _put(self) -> None:
        """Put the file at its path in one step; on a disk without links it is empty for a moment.

        :raise FileExistsError: another one was quicker.
        """
        try:
            os.link(self._own, self._path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with self._path.open("xb") as file:
                file.write(self._document)

    @property
    def is_ours(self) -> bool:
        """Whether nobody has taken it over."""
        found = _read(self._path)
        return found is not None and found[0] == self._holder

    def check(self) -> None:
        """Stop here if the run is another one's.

        :raise RunError: it has been taken over.
        """
        if not self.is_ours:
            found = _read(self._path)
            by = f" by attempt {found[0].attempt} on {found[0].host}" if found else ""
            raise RunError(
                f"{self._path.parent}: this run was taken over{by}; this attempt stops before its next commit"
            )

    def release(self) -> None:
        """Let another process have the run at once."""
        self._ended.set()
        with suppress(OSError, RunError):  # RunError: it is no lease any more
            self._own.unlink(missing_ok=True)
            if self.is_ours:
                self._path.unlink()

    def _beat(self) -> None:
        with suppress(OSError), self._path.open("rb") as file:  # as it is now: never another one's lease
            while not self._ended.wait(BEAT):
                with suppress(OSError):  # the next touch may be in time
                    os.utime(file.fileno() if os.utime in os.supports_fd else self._path)  # Windows: by its name


def await_lease(path: Path, holder: _Holder | None = None) -> None:
    """Wait until nobody holds the lease in the file at `path`: at most until a stale one has shown that it is.

    :raise LeaseHeld: its holder is alive.
    """
    holder = holder or _Holder.of_this_process(current_claim())
    first = _read(path)
    until = time.monotonic() + STALE
    while (found := _read(path)) is not None:
        if found != first:
            raise LeaseHeld(f"process {found[0].process} on {found[0].host}")
        if found[0].may_be_taken_by(holder) or time.monotonic() > until:
            _remove_stale(path, found[0])
            return
        time.sleep(min(BEAT / 10, STALE / 10))


def _remove_stale(path: Path, holder: _Holder) -> None:
    """Remove the lease of a `holder` that has lost it.

    :raise LeaseHeld: another one that waited has taken it meanwhile.
    """
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    found = _read(aside)
    if found is not None and found[0] != holder:
        aside.rename(path)  # it was another one's already
        raise LeaseHeld(f"process {found[0].process} on {found[0].host}")
    aside.unlink()


def is_leased(path: Path) -> bool:
    """Whether the lease in the file at `path` was touched lately, by the clock of this machine."""
    found = _read(path)
    return found is not None and time.time() - found[1] < STALE


def _read(path: Path) -> tuple[_Holder, float] | None:
    """A lease's holder, and when it was touched; None where there is none."""
    try:
        with path.open("rb") as file:  # opened, so that a network disk looks at the server
            touched, text = os.fstat(file.fileno()).st_mtime, file.read(4096)
        if not text:
            return _BEING_TAKEN, touched
        document: dict[str, Any] = json.loads(text)
        return _Holder(**document), touched
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path}: not a lease of this program ({error}); remove it if nobody trains this run") from error
