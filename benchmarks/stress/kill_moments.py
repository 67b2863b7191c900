"""The moments at which `kill.py` kills: calls of a run's own functions, and files as they are written."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from functools import wraps
from itertools import groupby
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.json_values import json_values
from progressive_app.store import recovery
from progressive_app.store import run_store as store
from progressive_app.store.models import ModelVersions
from progressive_app.store.run_store import RunStore
from progressive_buckets.learner.critic import Critic
from progressive_buckets.learner.learner import MarketLearner
from progressive_core.engine import exchange, sequence
from progressive_core.plugins.hooks import Hooks
from progressive_market.judging.evaluator import MarketEvaluator

Due = Callable[[str], bool]
Act = Callable[..., None]


@frozen(kw_only=True)
class Moment:
    """Before or after a call of `owner.function`; where `file` is named, only when that is what is written.

    `half` is done right before the kill: it leaves half of what the call would write.
    """

    name: str
    owner: Any
    function: str
    after: bool = False
    file: str = ""
    half: Act | None = None


def _half_a_file(partial: Path, target: Path) -> None:
    if partial.stat().st_nlink == 1:  # a second name of a whole file is never written to
        os.truncate(partial, partial.stat().st_size // 2)


def _half_a_line(path: Path, value: Any) -> None:
    line = json.dumps(json_values(value)).encode()
    with path.open("ab") as file:
        file.write(line[: len(line) // 2])


def _writing(what: str, file: str) -> tuple[Moment, ...]:
    """A file is written beside its place first, and then renamed into it."""
    return (
        Moment(name=f"{what} half written", owner=Path, function="replace", file=file, half=_half_a_file),
        Moment(name=f"{what} written, not yet in its place", owner=Path, function="replace", file=file),
        Moment(name=f"{what} in its place", owner=Path, function="replace", file=file, after=True),
    )


OPENING = (
    Moment(name="a run about to be opened again", owner=store, function="restore_files"),
    Moment(name="lines cut back", owner=recovery, function="truncate", after=True),
    Moment(name="models cut back", owner=ModelVersions, function="remove_later_than", after=True),
    Moment(name="a run opened again", owner=store, function="restore_files", after=True),
)
"""These come when a run is resumed only."""
MOMENTS: tuple[Moment, ...] = (
    Moment(name="an update of the network", owner=Critic, function="learn", after=True),
    Moment(name="an episode walked and learned", owner=MarketLearner, function="run_episode", after=True),
    Moment(name="the state of a learner put back", owner=MarketLearner, function="restore", after=True),
    Moment(name="a line half written", owner=store, function="append_json_line", half=_half_a_line),
    Moment(name="a line written", owner=store, function="append_json_line", after=True),
    *_writing("a checkpoint", "checkpoints/*.safetensors"),
    *_writing("a checkpoint's commit", "checkpoints/*.json"),
    *_writing("state.json", "state.json"),
    *_writing("begun.json", "begun.json"),
    *_writing("a model", "model.safetensors"),
    *_writing("a card", "card.json"),
    Moment(name="an old checkpoint removed", owner=Path, function="unlink", file="checkpoints/*", after=True),
    Moment(name="a source tried in the target's place", owner=MarketLearner, function="validation_blocks", after=True),
    Moment(name="a strategy asked", owner=Hooks, function="transfer", after=True),
    Moment(name="a transfer taken over", owner=MarketLearner, function="adopt", after=True),
    Moment(name="a transfer kept or rolled back", owner=exchange, function="transfer_knowledge", after=True),
    Moment(name="a transfer back about to begin", owner=sequence, function="transfer_back"),
    Moment(name="a transfer back to be recorded", owner=RunStore, function="replace_result"),
    Moment(name="a transfer back ended", owner=sequence, function="transfer_back", after=True),
    Moment(name="a verdict about to be made", owner=MarketEvaluator, function="evaluate"),
    Moment(name="a verdict made, not yet saved", owner=MarketEvaluator, function="evaluate", after=True),
    Moment(name="the model of a bucket saved", owner=RunStore, function="save_model", after=True),
    Moment(name="a bucket about to be finished", owner=RunStore, function="finish_bucket"),
    Moment(name="between two buckets, or two verdicts", owner=RunStore, function="finish_bucket", after=True),
    Moment(name="plugins cleaning up", owner=Hooks, function="cleanup"),
    *OPENING,
)


def watch(due: Due) -> None:
    """From now on ask `due` at every moment in this process, and end it by SIGKILL when it says so."""
    by_place = sorted(MOMENTS, key=lambda moment: (str(moment.owner), moment.function))
    for _, group in groupby(by_place, key=lambda moment: (moment.owner, moment.function)):
        moments = tuple(group)
        _wrap(moments[0].owner, moments[0].function, moments, due)


def _wrap(owner: Any, function: str, moments: tuple[Moment, ...], due: Due) -> None:
    original = getattr(owner, function)

    @wraps(original)
    def watched(*arguments: Any, **named: Any) -> Any:
        here = [moment for moment in moments if not moment.file or arguments[-1].match(moment.file)]
        _meet([moment for moment in here if not moment.after], arguments, due)
        answer = original(*arguments, **named)
        _meet([moment for moment in here if moment.after], arguments, due)
        return answer

    setattr(owner, function, watched)


def _meet(moments: list[Moment], arguments: tuple[Any, ...], due: Due) -> None:
    for moment in moments:
        if due(moment.name):
            if moment.half is not None:
                moment.half(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
