"""The strategies, as pure functions of what two buckets know and of what the source has shown."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from progressive_app.config.resolve import defaults
from progressive_core.contract.records import Phase
from progressive_training import BucketInfo, Knowledge, Proof, Skip, TransferContext
from progressive_transfers import features, horizons, reverse, weights

PROVEN = Proof(before=0.0, after=5.0, error=1.0)
LUCKY = Proof(before=0.0, after=1.5, error=1.0)


def context(proof: Proof | None = PROVEN, phase: Phase = "initial", **settings: object) -> TransferContext:
    bucket = BucketInfo(
        name="Short",
        horizons=(6, 24),
        sequence=("Scalping", "Short"),
        episodes=1,
        seed=0,
        run_dir=Path("run"),
        settings={**defaults(), **settings},
    )
    return TransferContext(phase=phase, episode=0 if phase == "initial" else 10, bucket=bucket, proof=proof)


def knowledge(origin: str, value: float) -> Knowledge:
    return Knowledge(
        origin=origin,
        weights={
            "gates.weight": torch.full((3,), value),
            "extractor.weight": torch.full((2, 3), value),
            "value.weight": torch.full((2,), value),
            "horizon.6.weight": torch.full((2,), value),
            "count": torch.tensor([3]),
        },
        feature_importance={"volume": 0.25, "log_return": 0.75},
        horizons={1: 0.0, 6: 0.3, 72: 0.1},
        t=4.0,
    )


SOURCE, TARGET = knowledge("Scalping", 1.0), evolve(knowledge("Short", 0.0), horizons={6: 0.0, 20: 0.0, 144: 0.05})


@given(alpha=st.floats(0.01, 1.0))
def test_weights_are_mixed_by_alpha(alpha: float) -> None:
    answer = weights.transfer(SOURCE, TARGET, context(WEIGHT_TRANSFER_ALPHA=alpha))
    assert torch.allclose(answer.weights["extractor.weight"], torch.full((2, 3), alpha))


def test_weights_of_another_shape_are_offered_unmixed_so_that_the_ledger_shows_them_dropped() -> None:
    source = Knowledge(origin="Other", weights={"extractor.weight": torch.ones(2, 3), "value": torch.ones(9)}, t=4.0)
    target = Knowledge(origin="Short", weights={"extractor.weight": torch.zeros(2, 3), "value": torch.zeros(4)})
    answer = weights.transfer(source, target, context(WEIGHT_TRANSFER_ALPHA=0.5))
    assert torch.equal(answer.weights["extractor.weight"], torch.full((2, 3), 0.5))
    assert torch.equal(answer.weights["value"], torch.ones(9))


def test_a_source_that_proved_itself_brings_its_heads_too() -> None:
    assert set(weights.transfer(SOURCE, TARGET, context()).weights) >= {"value.weight", "horizon.6.weight"}


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        (LUCKY, "not proven: +348.2 %, 1.5 standard errors above 0.0 %, expected 2"),
        (Proof(before=0.0, after=-3.0, error=1.0), "not proven: -95.0 %, below the target's own 0.0 %"),
        (None, "not proven: it was not tried"),
    ],
)
def test_a_source_that_did_not_prove_itself_brings_no_weights(proof: Proof | None, reason: str) -> None:
    assert weights.transfer(SOURCE, TARGET, context(proof)) == Skip(reason)
    assert weights.transfer(SOURCE, TARGET, context(proof, "periodic")) == Skip(reason)


@pytest.mark.parametrize("strategy", [weights, features])
def test_an_alpha_of_zero_transfers_nothing(strategy: ModuleType) -> None:
    assert strategy.transfer(SOURCE, TARGET, context(WEIGHT_TRANSFER_ALPHA=0.0, FEATURE_TRANSFER_ALPHA=0.0)) == Skip(
        "alpha is 0"
    )


@pytest.mark.parametrize("strategy", [features, horizons])
def test_who_cannot_do_the_targets_task_says_nothing_of_it_and_who_has_no_weights_may(strategy: ModuleType) -> None:
    target = evolve(TARGET, horizons={6: 0.2, 20: 0.0, 144: 0.05})
    assert isinstance(strategy.transfer(SOURCE, target, context(PROVEN)), Knowledge)
    assert strategy.transfer(SOURCE, target, context(LUCKY)) == Skip(
        "not proven: +348.2 %, 1.5 standard errors above 0.0 %, expected 2"
    )
    assert isinstance(strategy.transfer(SOURCE, target, context(None)), Knowledge)


@pytest.mark.parametrize("strategy", [weights, features, horizons])
def test_nothing_travels_from_a_source_whose_own_bars_do_not_confirm_it(strategy: ModuleType) -> None:
    for t in (1.9, float("nan")):
        answer = strategy.transfer(evolve(SOURCE, t=t), TARGET, context())
        assert isinstance(answer, Skip) and answer.reason.startswith("not proven: its own t is")


@pytest.mark.parametrize(
    ("strategy", "missing"),
    [(weights, "weights that fit"), (features, "shared features"), (horizons, "shared horizons")],
)
def test_a_source_that_knows_nothing_transfers_nothing(strategy: ModuleType, missing: str) -> None:
    assert strategy.transfer(Knowledge(origin="Empty", t=4.0), TARGET, context(None)) == Skip(f"no {missing}")


def test_nothing_goes_back_from_a_pupil_without_weights() -> None:
    assert reverse.transfer(Knowledge(origin="Empty"), TARGET, context(None)) == Skip("no weights that fit")


shares = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1.0), min_size=1)


@given(taught=shares, own=shares, alpha=st.floats(0.0, 1.0))
def test_feature_importance_stays_shares_of_the_targets_own_features(
    taught: dict[str, float], own: dict[str, float], alpha: float
) -> None:
    own = {name: share / sum(own.values()) for name, share in own.items()}
    source, target = (
        Knowledge(origin="A", feature_importance=taught, t=4.0),
        Knowledge(origin="B", feature_importance=own),
    )
    answer = features.transfer(source, target, context(FEATURE_TRANSFER_ALPHA=alpha))
    if isinstance(answer, Knowledge):
        assert set(answer.feature_importance) == set(own)
        assert sum(answer.feature_importance.values()) == pytest.approx(1.0)
        assert min(answer.feature_importance.values()) >= 0


def test_importance_moves_toward_the_source() -> None:
    target = Knowledge(origin="Short", feature_importance={"volume": 0.45, "log_return": 0.55})
    answer = features.transfer(SOURCE, target, context(FEATURE_TRANSFER_ALPHA=0.5))
    assert answer.feature_importance == pytest.approx({"volume": 0.35, "log_return": 0.65})


def test_importance_that_the_targets_own_bars_contradict_is_not_believed() -> None:
    shuffled = evolve(SOURCE, feature_importance={"volume": 0.75, "log_return": 0.25})
    assert features.transfer(shuffled, TARGET, context()) == Skip("the target's own bars disagree")


def test_horizons_take_the_sources_skill_inside_its_range_and_keep_their_own_beyond() -> None:
    target = Knowledge(origin="Short", horizons={6: 0.2, 20: 0.0, 144: 0.05})
    taught = horizons.transfer(SOURCE, target, context()).horizons
    assert taught[6] == pytest.approx(0.3)
    assert 0.1 < taught[20] < 0.3
    assert taught[144] == 0.05


def test_skill_that_the_target_has_measured_otherwise_is_not_believed() -> None:
    target = Knowledge(origin="Short", horizons={6: 0.0, 20: 0.0, 60: 0.3})
    assert horizons.transfer(SOURCE, target, context()) == Skip("the target's own bars disagree")


def test_before_a_target_has_measured_any_skill_the_sources_weights_must_vouch_for_its_own() -> None:
    target = Knowledge(origin="Short", horizons={6: 0.0, 24: 0.0})
    assert isinstance(horizons.transfer(SOURCE, target, context(PROVEN)), Knowledge)
    assert horizons.transfer(SOURCE, target, context(LUCKY)) == Skip(
        "not proven: +348.2 %, 1.5 standard errors above 0.0 %, expected 2"
    )
    assert isinstance(horizons.transfer(SOURCE, target, context(None)), Skip)


@pytest.mark.parametrize("strategy", [features, horizons])
def test_the_light_strategies_carry_no_weights_and_need_no_memory(strategy: ModuleType) -> None:
    target = evolve(TARGET, horizons={6: 0.3, 20: 0.0})
    assert strategy.transfer(SOURCE, target, context()).weights == {}
    assert strategy.memory_needed(SOURCE, target) == 0


def drawn(origin: str, seed: int) -> Knowledge:
    return Knowledge(
        origin=origin, weights={"extractor.weight": torch.randn(64, 64, generator=torch.Generator().manual_seed(seed))}
    )


def test_a_pupil_that_kept_what_it_was_given_returns_half_of_what_it_changed() -> None:
    parent = drawn("Scalping", 1)
    child = evolve(drawn("Short", 1), weights={"extractor.weight": parent.weights["extractor.weight"] + 0.2})
    answer = reverse.transfer(child, parent, context(None, "reverse"))
    assert torch.allclose(answer.weights["extractor.weight"], parent.weights["extractor.weight"] + 0.1)


def test_a_pupil_that_went_its_own_way_returns_nothing() -> None:
    assert reverse.transfer(drawn("Short", 2), drawn("Scalping", 1), context(None, "reverse")) == Skip(
        "the networks share no ancestor"
    )
