"""The grid of a study: every market with every value of every varied setting and every seed, as planned runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from attrs import field, frozen

from progressive_app.config.input_files import input_files, with_absolute_files
from progressive_app.config.resolve import overlay
from progressive_app.json_values import json_values
from progressive_app.quoting import show
from progressive_app.store.run_documents import Teacher
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.setting import Settings
from progressive_studies.study.study_plan import PlannedRun, StudyPlan, digests_of

STUDY = "study"
"""The kind of a plan that a grid was made into."""
DATA = "DATA"
MARKET, SEED_LABEL = "market", "seed"
"""Labels of a run; the others are varied settings by their keys."""
MOST_RUNS = 10_000
LONGEST_PART = 32
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+", re.ASCII)


@frozen(kw_only=True)
class Grid:
    """What a study varies, over `settings` that all its runs share.

    `markets` are files of bars (none: that of the settings); `varied` has for each key the values to try, the first one being
    that which the others are compared with. `teachers` teach in every run.
    """

    settings: Settings
    seeds: tuple[int, ...]
    markets: tuple[str, ...] = ()
    varied: Mapping[str, tuple[Any, ...]] = field(factory=dict)
    teachers: tuple[Teacher, ...] = ()
    scratch_arms: bool = False


@frozen(kw_only=True)
class _Choice:
    """One place on an axis of the grid: the settings `asked` for there, the `labels` of its runs, and its part of their names."""

    asked: dict[str, Any] = field(factory=dict)
    labels: dict[str, Any] = field(factory=dict)
    slug: str = ""


def plan_of(grid: Grid, check: Callable[[Settings], None]) -> StudyPlan:
    """The plan of a grid: market by market, in each value by value, in each seed by seed.

    :param check: of the settings of a run, raises where they cannot be used.
    :raise ConfigError: a seed, a market or a value is given twice or cannot be used, or there are too many runs.
    :raise DataError: a file cannot be read.
    """
    check_distinct("seeds", grid.seeds)
    _check_files(grid.markets)
    for key, values in grid.varied.items():
        check_distinct(key, values)
    axes = [_market_axis(grid.markets), *(_value_axis(key, values) for key, values in grid.varied.items())]
    count = prod(len(axis) for axis in axes) * len(grid.seeds)
    if count > MOST_RUNS:
        raise ConfigError(
            f"a study of {count:,} runs, and {MOST_RUNS:,} is the most: vary less, or make several studies of it"
        )
    runs, files = [], list[str]()
    for chosen, seed in product(product(*axes), grid.seeds):
        asked = {key: value for each in chosen for key, value in each.asked.items()}
        settings = with_absolute_files(overlay(grid.settings, {**asked, SEED.key: seed}, "study"))
        if seed == grid.seeds[0]:
            check(settings)
            files += input_files(settings).values()
        run = PlannedRun(
            name="-".join([*(each.slug for each in chosen if each.slug), f"seed-{seed}"]),
            settings=json_values(settings),
            labels={**{key: label for each in chosen for key, label in each.labels.items()}, SEED_LABEL: seed},
            teachers=grid.teachers,
            scratch_arms=grid.scratch_arms,
        )
        runs.append(run)
    return StudyPlan(kind=STUDY, runs=tuple(runs), inputs=digests_of(files), about={"varied": list(grid.varied)})


def check_distinct(what: str, values: Sequence[Any]) -> None:
    """Check that no value is given twice, and that there is one.

    :raise ConfigError: one is.
    """
    if not values:
        raise ConfigError(f"{what}: none is given")
    seen = set[str]()
    for value in values:
        if (text := repr(value)) in seen:
            raise ConfigError(f"{what}: {show(value)} is given twice; each makes runs of its own, so name it once")
        seen.add(text)


def _check_files(markets: Sequence[str]) -> None:
    """Check that no file is given twice, under whatever path."""
    places = [Path(market).resolve() for market in markets]
    for place, market in zip(places, markets, strict=True):
        if places.count(place) > 1:
            raise ConfigError(f"--data: {market} is given twice; each file is a market of its own, so name it once")


def _market_axis(markets: Sequence[str]) -> list[_Choice]:
    """A choice for each file; its label is the file's name, with as much of its path as tells it from the others."""
    if not markets:
        return [_Choice()]
    names = [Path(market).name for market in markets]
    if len(set(names)) < len(names):
        names = [Path(market).as_posix() for market in markets]
    slugs = _slugs([Path(name).stem for name in names], "market") if len(markets) > 1 else [""]
    return [
        _Choice(asked={DATA: market}, labels={MARKET: name}, slug=slug)
        for market, name, slug in zip(markets, names, slugs, strict=True)
    ]


def _value_axis(key: str, values: Sequence[Any]) -> list[_Choice]:
    texts = [f"{key}-{value if isinstance(value, str) else json.dumps(json_values(value))}" for value in values]
    return [
        _Choice(asked={key: value}, labels={key: json_values(value)}, slug=slug)
        for value, slug in zip(values, _slugs(texts, key), strict=True)
    ]


def _slugs(texts: Sequence[str], otherwise: str) -> list[str]:
    """A part of a directory's name for each text; where they come out alike or long, they are numbered."""
    slugs = [_UNSAFE.sub("-", text).strip("-.") for text in texts]
    if len({slug.casefold() for slug in slugs}) == len(slugs) and all(0 < len(slug) <= LONGEST_PART for slug in slugs):
        return slugs
    return [f"{otherwise}-{number}" for number in range(1, len(texts) + 1)]
