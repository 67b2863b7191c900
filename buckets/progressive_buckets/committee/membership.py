"""Who votes: the buckets before a committee in its sequence whose models can, and their models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from progressive_training import ConfigError, Model, ModelError, PluginError, installed_bucket, model_file, read_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from progressive_buckets.committee.mean_vote import Voter
    from progressive_training import BucketInfo

FEWEST = 2
"""Members of a committee."""


def voters_before(info: BucketInfo) -> tuple[dict[str, Callable[[Model, str], Voter]], list[str]]:
    """What makes a voter of a model, by the name of each bucket before this one in its sequence whose models vote; and a line for each
    other one, why not.

    :raise ConfigError: there are fewer than `FEWEST`.
    """
    name, before = info.name, info.sequence[: info.sequence.index(info.name)]
    found = {each: _voter_of(each) for each in before}
    voters = {each: made for each, made in found.items() if not isinstance(made, str)}
    if len(voters) < FEWEST:
        there = f"{' and '.join(voters) or 'nobody'} of {', '.join(before)}" if before else "nobody"
        raise ConfigError(
            f"SEQUENCE: {name} takes the votes of the buckets before it, of {FEWEST} at least, and {there} would vote there: name it "
            f"behind those that are to vote, like Scalping,Short,{name}"
        )
    return voters, [reason for reason in found.values() if isinstance(reason, str)]


def voter_from(bucket: str, model: Model, where: str) -> Voter:
    """The voter that a `model` of `bucket` is.

    :param where: what holds it, for messages. :raise ModelError: it is damaged, or its bucket is not installed or does not vote.
    """
    made = _voter_of(bucket)
    if isinstance(made, str):
        raise ModelError(f"{where}: {made}")
    return made(model, where)


def model_at(path: Path) -> Model:
    """The saved model at `path`.

    :raise ModelError: it is gone or damaged.
    """
    tensors, card = read_tensors(model_file(path))
    return Model(tensors=tensors, card=card)


def _voter_of(name: str) -> Callable[[Model, str], Voter] | str:
    """The `voter` of the bucket of this name; or why it does not vote."""
    try:
        bucket: Any = installed_bucket(name)
    except PluginError as error:
        return f"{name} does not vote: {error}"
    voter = getattr(bucket, "voter", None)
    if not callable(voter):
        return f"{name} does not vote: its models give positions and no advantages (its bucket has no voter(model))"
    return cast("Callable[[Model, str], Voter]", voter)
