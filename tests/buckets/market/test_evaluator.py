"""An edge is judged by bars that did not choose the policy and by test, and only by what the learner let validation decide."""

import math
from collections.abc import Callable

import pytest
import torch

from progressive_market.bars import Bars, synthetic_bars
from progressive_market.fills import Costs
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.market import Part, open_market
from progressive_market.split import split_bars
from progressive_training import Edge
from progressive_training.market import MarketEvaluator

Policy = Callable[[Part], torch.Tensor]
FREE = Costs(side=0.0)


def evaluator_on(bars: Bars) -> MarketEvaluator:
    split = split_bars(len(bars), longest=24, validation_share=0.3, test_share=0.3, bucket="Swing")
    return MarketEvaluator(open_market(bars, split, FREE, "cpu"), split, "Swing")


@pytest.fixture(scope="module")
def bars() -> Bars:
    return synthetic_bars(6_000, seed=3)


@pytest.fixture
def evaluator(bars: Bars) -> MarketEvaluator:
    return evaluator_on(bars)


def guessing(seed: int) -> Policy:
    """Long or short by the toss of a coin, the same for the same part."""

    def policy(part: Part) -> torch.Tensor:
        tossed = torch.Generator().manual_seed(seed + part.start)
        return torch.randint(2, part.returns.shape, generator=tossed).double() * 2 - 1

    return policy


def knowing(share: float) -> Policy:
    """Foresight on a share of the bars, coins on the others."""

    def policy(part: Part) -> torch.Tensor:
        seen = torch.rand(part.returns.shape, generator=torch.Generator().manual_seed(part.start)) < share
        return torch.where(seen, part.returns.sign(), guessing(0)(part))

    return policy


def nothing(part: Part) -> torch.Tensor:
    """What weights that are no numbers do."""
    return torch.full_like(part.returns, math.nan)


def t_on_validation(evaluator: MarketEvaluator, policy: Policy) -> float:
    return t_statistic(evaluator.growth(policy, evaluator.validation))


def test_the_best_of_many_guesses_shows_no_edge(evaluator: MarketEvaluator) -> None:
    guesses = [guessing(seed) for seed in range(200)]
    for guess in guesses:
        evaluator.consider(guess)
    best = max(guesses, key=evaluator.validate)
    assert t_on_validation(evaluator, best) > 2.5
    assert evaluator.validation_t(best) < 1.5
    evaluation = evaluator.evaluate(best)
    assert evaluation.edge is Edge.NONE
    assert evaluation.trades == "nowhere"


def test_a_real_edge_is_confirmed(evaluator: MarketEvaluator) -> None:
    policy = knowing(0.3)
    assert evaluator.consider(policy) == evaluator.validate(policy) > 0
    evaluation = evaluator.evaluate(policy)
    assert (evaluation.edge, evaluation.trades) == (Edge.CONFIRMED, "everywhere")
    assert (
        evaluation.validation_t == evaluator.validation_t(policy) == pytest.approx(t_on_validation(evaluator, policy))
    )
    assert evaluation.test_t == evaluation.test[0].t
    assert evaluation.t > max(evaluation.validation_t, evaluation.test_t)
    assert evaluation.verdict.startswith(
        f"edge confirmed (edge t = {evaluation.t:.1f} on validation bars that did not choose"
    )


def test_validation_t_never_reads_test(evaluator: MarketEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "_whole", lambda: pytest.fail("test was read"))
    policy = knowing(0.3)
    assert math.isnan(evaluator.validation_t(policy))
    evaluator.consider(policy)
    assert evaluator.validation_t(policy) > 3
    assert evaluator.card(policy)["validation_t"] == evaluator.validation_t(policy)


def test_a_card_holds_a_verdict_only_of_what_was_judged_last(evaluator: MarketEvaluator) -> None:
    """A model trades only where its own verdict lets it: another choice, or other weights, have none yet."""
    policy = knowing(0.3)
    evaluator.consider(policy)
    assert evaluator.card(policy)["trades"] == "nowhere"
    assert evaluator.card(policy)["verdict"].startswith("not judged yet")
    evaluation = evaluator.evaluate(policy)
    assert evaluator.judged == evaluation
    assert evaluator.card(policy) == {
        "trades": "everywhere",
        "verdict": evaluation.verdict,
        "data_until": evaluation.test_dates[1],
        "validation_t": evaluation.validation_t,
        "validation_alpha_t": pytest.approx(evaluation.validation_t, abs=0.5),
    }
    assert evaluator.card(guessing(1))["trades"] == "nowhere"
    evaluator.consider(guessing(1))
    assert evaluator.judged is None
    assert evaluator.card(policy)["trades"] == "nowhere"
    evaluator.evaluate(policy)
    evaluator.load_state_dict(evaluator.state_dict())
    assert evaluator.card(policy)["verdict"].startswith("not judged yet")


def test_no_choice_is_judged_above_the_model_it_came_from(evaluator: MarketEvaluator) -> None:
    evaluator.consider(knowing(0.9))
    evaluator.recall({"validation_t": 1.0, "validation_alpha_t": 0.5})
    evaluator.consider(guessing(1))
    assert evaluator.validation_t(guessing(1)) == 1.0, "the t of the model itself, whatever its positions earned"
    evaluator.consider(knowing(0.3))
    assert evaluator.validation_t(knowing(0.3)) == 1.0
    evaluator.recall({"validation_t": 50.0, "validation_alpha_t": 50.0})
    evaluator.consider(knowing(0.3))
    evaluator.consider(guessing(2))
    assert evaluator.validation_t(guessing(2)) == pytest.approx(t_on_validation(evaluator, knowing(0.3)))


def test_of_a_model_that_validation_may_have_chosen_unseen_test_alone_speaks(evaluator: MarketEvaluator) -> None:
    unseen = evaluator.card(knowing(0.3))
    assert unseen["validation_t"] is unseen["validation_alpha_t"] is None
    evaluator.recall(unseen)
    evaluator.consider(knowing(0.3))
    evaluator.consider(knowing(0.4))
    assert math.isnan(evaluator.validation_t(knowing(0.4)))
    assert "test bars alone" in evaluator.evaluate(knowing(0.4)).verdict


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"validation_t": "high", "validation_alpha_t": 1.0},
        {"validation_t": math.nan, "validation_alpha_t": 1.0},
        {"validation_t": 10**400, "validation_alpha_t": 1.0},
        {"validation_t": 1.0},
    ],
)
def test_a_card_without_its_t_is_refused_and_changes_nothing(
    evaluator: MarketEvaluator, card: dict[str, object]
) -> None:
    evaluator.consider(knowing(0.3))
    t = evaluator.validation_t(knowing(0.3))
    with pytest.raises(ValueError, match="its card has no validation_(alpha_)?t"):
        evaluator.recall(card)
    assert evaluator.validation_t(knowing(0.3)) == t


def test_weights_that_are_no_numbers_are_kept_by_no_half(evaluator: MarketEvaluator) -> None:
    policy = knowing(0.3)
    evaluator.consider(policy)
    assert math.isnan(evaluator.consider(nothing))
    assert evaluator.validation_t(nothing) == pytest.approx(t_on_validation(evaluator, policy))
    assert evaluator.validate(nothing) == -math.inf


def test_without_a_considered_choice_test_alone_speaks(evaluator: MarketEvaluator, bars: Bars) -> None:
    """Whatever the validation bars chose was not recorded, so they prove nothing."""

    def fitted(part: Part) -> torch.Tensor:
        return part.returns.sign() if part.start == evaluator.validation.start else guessing(0)(part)

    evaluation = evaluator.evaluate(fitted)
    assert t_on_validation(evaluator, fitted) > 10
    assert evaluation.edge is Edge.NONE
    assert "test bars alone" in evaluation.verdict
    assert evaluation.test[0].flat < 1.0, "the row is what the strategy did"
    assert evaluation.t == evaluation.test_t
    found = evaluator_on(bars).evaluate(knowing(0.5))
    assert found.edge is Edge.CONFIRMED
    assert found.verdict.endswith("on test bars alone, since no choice was considered on validation)")


def test_some_bars_choose_and_all_judge(bars: Bars) -> None:
    """What is only good on the bars that are looked at at every episode shows no edge on all of them."""
    evaluator = evaluator_on(synthetic_bars(40_000, seed=5))
    scored = evaluator.scored
    assert len(scored) < len(evaluator.validation)

    def lucky(part: Part) -> torch.Tensor:
        return part.returns.sign() if part is scored else guessing(1)(part)

    evaluator.consider(lucky)
    assert evaluator.validation_t(lucky) == pytest.approx(t_on_validation(evaluator, guessing(1)))


def test_its_state_is_all_that_the_verdict_rests_on(evaluator: MarketEvaluator, bars: Bars) -> None:
    for seed in range(20):
        evaluator.consider(guessing(seed))
    resumed = evaluator_on(bars)
    resumed.load_state_dict(evaluator.state_dict())
    better = knowing(0.1)
    assert resumed.consider(better) == evaluator.consider(better)
    assert resumed.evaluate(better) == evaluator.evaluate(better)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("positions", None),
        ("positions", torch.zeros(2, 3, dtype=torch.int8)),
        ("score", torch.tensor([0.0, math.nan], dtype=torch.float64)),
        ("cap", "high"),
        ("cap", torch.zeros(3, dtype=torch.float64)),
        ("choices", 10**400),
        ("choices", -1),
        ("choices", None),
    ],
)
def test_a_strangers_state_is_refused_and_changes_nothing(evaluator: MarketEvaluator, name: str, wrong: object) -> None:
    evaluator.consider(knowing(0.3))
    t = evaluator.validation_t(knowing(0.3))
    with pytest.raises(ValueError, match=name):
        evaluator.load_state_dict({**evaluator.state_dict(), name: wrong})
    assert evaluator.validation_t(knowing(0.3)) == t


def test_what_is_no_position_is_refused(evaluator: MarketEvaluator) -> None:
    with pytest.raises(ValueError, match="Swing: a policy gives -1, 0 or 1 for each of the"):
        evaluator.evaluate(lambda part: part.returns)


def test_positions_in_whole_numbers_are_judged_alike(evaluator: MarketEvaluator) -> None:
    def whole(part: Part) -> torch.Tensor:
        return guessing(1)(part).to(torch.int64)

    assert evaluator.consider(whole) == evaluator.consider(guessing(1))
    assert evaluator.validation_blocks(whole) == evaluator.validation_blocks(guessing(1))
    assert evaluator.evaluate(whole) == evaluator.evaluate(guessing(1))
