"""`challenge_models`: the models of a run attacked one by one, and judged by each other, as one document of JSON values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import evolve, fields, frozen

from progressive_market.bars.bar_records import read_only
from progressive_market.challenge.dear_trades import break_even, usual_cost
from progressive_market.challenge.opened_models import subjects_of
from progressive_market.challenge.peer_review import review, review_values
from progressive_market.challenge.weak_points import Tried, weak_points
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.market_settings import SLIPPAGE
from progressive_market.serving.served_model import ServedModel
from progressive_training import ModelError, PluginError, get_logger, installed_attacks
from progressive_training.presentation import percent

if TYPE_CHECKING:
    from progressive_market.challenge.subject import Subject
    from progressive_training import BucketInfo, Challenge

ORDER = (
    "late_fills",
    "rising_costs",
    "feeds",
    "outages",
    "bootstrap",
    "volatility_shock",
    "reversed_drift",
    "last_digits",
)
"""In which attacks are made and shown; others follow."""
log = get_logger()


def challenge_models(
    models: Mapping[str, Any], infos: Mapping[str, BucketInfo], asked: Challenge
) -> list[dict[str, Any]]:
    """What breaks each of the `models`, on its own bars of one part, as JSON values; see the reference of `challenge.json`.

    :param infos: of their buckets, as they were trained.
    :raise DataError: the bars are not those of the run any more. :raise ModelError: a model does not fit them, or is none of the market.
    """
    for name, model in models.items():
        if not isinstance(model, ServedModel):
            raise ModelError(f"{name}: its model is none that trades on the market's bars, so it cannot be challenged")
    used, subjects = _attackers(asked.choices), subjects_of(models, infos, asked.part)
    return [
        _challenged(subject, models, infos[name], used, asked.progress)
        for name, subject in subjects.items()
        if asked.bucket in (None, name)
    ]


@frozen
class Attacker:
    """An attack: its `name`, whose it is, and its `function`."""

    name: str
    owner: str
    function: Callable[[Subject], object]


def _attackers(choices: Sequence[str]) -> list[Attacker]:
    """The installed attacks that `choices` do not leave out, in their order."""
    found = [Attacker(record.name, record.owner, function) for record, function in installed_attacks(choices)]
    order = {name: place for place, name in enumerate(ORDER)}
    return sorted(found, key=lambda each: order.get(each.name, len(order)))


def _challenged(
    subject: Subject,
    models: Mapping[str, ServedModel[Any]],
    info: BucketInfo,
    used: Sequence[Attacker],
    progress: Callable[[str, str], None],
) -> dict[str, Any]:
    subject = evolve(subject, bars=read_only(subject.bars))
    growth, own_t = float(subject.growth.sum()), t_statistic(subject.growth)
    progress(subject.name, "peers")
    cost, even, reviewed = subject.market.costs.side, break_even(subject), review(subject, models)
    usual, whole = usual_cost(subject), subject
    tried, failed = list[Tried](), list[dict[str, str]]()
    for attacker in used:
        progress(subject.name, attacker.name)
        try:
            tried += _attacked(subject, attacker)
        except PluginError as error:
            warning = f"{subject.name}: {error}"
            log.warning(warning)
            failed.append({"attack": attacker.name, "owner": attacker.owner, "reason": str(error)})
            subject = subject.remade(subject.bars)  # it may have been changed
    slippage = min(info.settings[SLIPPAGE], cost)
    found = weak_points(growth, own_t, tried, cost, usual, even, slippage)
    return {
        "bucket": subject.name,
        "dates": list(subject.part.dates),
        "bars": len(subject.part),
        "profit": percent(growth),
        "t": own_t,
        "sentence": found.sentence,
        "faults": list(found.faults),
        "cost": cost,
        "break_even_cost": even,
        "break_even_fee": None if even is None else max(even - slippage, 0.0),
        "attacks": [
            {
                "attack": each.attack,
                "owner": each.owner,
                "variant": each.variant,
                "profit": percent(each.growth),
                "kept": each.kept,
                "t": each.t,
            }
            for each in tried
        ],
        "failed": failed,
        "peers": None if reviewed is None else review_values(whole, reviewed),
    }


def _attacked(subject: Subject, attacker: Attacker) -> list[Tried]:
    """The variants of one attack.

    :raise PluginError: it fails, or answers something else than growth by variant; the message names its owner.
    """
    owner, before = attacker.owner, _writes(subject)
    try:
        answer = attacker.function(subject)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} failed: {error!r:.200}. Leave it out with -p no:{attacker.name}") from error
    if changed := [name for name, count in _writes(subject).items() if count != before[name]]:
        raise PluginError(f"{owner} wrote to {' and '.join(changed)}, which all attacks share: let it change a copy")
    if not isinstance(answer, Mapping) or not answer:
        raise PluginError(
            f"{owner} must give a mapping of a variant's name to the growth of each bar; got {answer!r:.60}"
        )
    return [_tried(subject, attacker, variant, values) for variant, values in answer.items()]


def _writes(subject: Subject) -> dict[str, int]:
    """How often each tensor was written to that all attacks share, by the name that its reader knows."""
    shared = {"held": subject.held, "growth": subject.growth}
    for name, owner in (("market", subject.market), ("part", subject.part)):
        values = {field.name: getattr(owner, field.name) for field in fields(type(owner))}
        shared |= {f"{name}.{key}": value for key, value in values.items() if isinstance(value, torch.Tensor)}
    return {name: tensor._version for name, tensor in shared.items()}


def _tried(subject: Subject, attacker: Attacker, variant: object, values: object) -> Tried:
    pair = values if isinstance(values, tuple) and len(values) == 2 else (values, subject.growth)
    try:
        growth, own = (torch.as_tensor(np.asarray(each, dtype=np.float64)) for each in pair)
    except (TypeError, ValueError, RuntimeError):
        growth = own = torch.zeros(0)
    fits = growth.dim() == 1 and len(growth) > 1 and growth.shape == own.shape and bool((growth + own).isfinite().all())
    if not fits or not isinstance(variant, str) or not variant.isprintable():
        raise PluginError(
            f"{attacker.owner}: {variant!r:.60} must be the name of a variant with one finite log growth for each of "
            f"{len(subject.part)} bars, or two such of one length, with the attack and without"
        )
    total, whole = float(growth.sum()), float(own.sum())
    return Tried(
        attack=attacker.name,
        owner=attacker.owner,
        variant=variant,
        growth=total,
        kept=total / whole if whole > 0 else None,
        t=t_statistic(growth - own),
    )
