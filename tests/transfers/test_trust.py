"""Who is believed: the rule on a source's zero-shot score, and on what it says of features and horizons."""

import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from progressive_training import Knowledge, Proof
from progressive_transfers.trust import agree, doubt

SOURCE = Knowledge(origin="A", t=4.0)


@pytest.mark.parametrize(
    ("before", "after", "error", "believed"),
    [
        (0.0, 2.5, 1.0, True),  # an untrained target; more than two standard errors above nothing
        (0.0, 1.5, 1.0, False),  # could be luck
        (0.0, 0.0, 0.0, False),  # a source that stays flat shows nothing
        (4.0, 5.0, 1.0, True),  # surely above nothing, and better than a target that has learned
        (4.0, 3.9, 0.1, False),  # good, but the target is better
        (-5.0, -2.5, 1.0, True),  # loses, but surely less than the target
        (-5.0, -4.0, 1.0, False),
        (-math.inf, 0.1, 1.0, True),  # anything is better than weights that are no numbers
        (0.0, -math.inf, math.nan, False),
        (0.0, 9.0, math.nan, False),  # nobody knows how much of it is luck
    ],
)
def test_a_source_is_proven_when_it_does_better_and_surely_not_by_luck(
    before: float, after: float, error: float, believed: bool
) -> None:
    assert (not doubt(SOURCE, Proof(before=before, after=after, error=error))) is believed


@pytest.mark.parametrize("proof", [Proof(before=0.0, after=9.0, error=1.0), None])
def test_a_source_has_to_have_shown_an_edge_of_its_own_where_its_weights_were_tried_and_where_not(
    proof: Proof | None,
) -> None:
    assert not doubt(evolve(SOURCE, t=2.0), proof)
    assert (
        doubt(evolve(SOURCE, t=1.94), proof)
        == "not proven: its own t is 1.9, expected 2 on bars that did not choose it"
    )
    assert doubt(Knowledge(origin="A"), proof).startswith("not proven: its own t is not known")


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        (Proof(before=0.0, after=0.58, error=0.67), "not proven: +78.6 %, 0.9 standard errors above 0.0 %, expected 2"),
        (
            Proof(before=0.0, after=0.58, error=math.nan),
            "not proven: +78.6 %, by an unknown error above 0.0 %, expected 2",
        ),
        (Proof(before=1.0, after=-0.5, error=0.1), "not proven: -39.3 %, below the target's own +171.8 %"),
    ],
)
def test_the_reason_shows_the_figures_that_were_not_enough(proof: Proof, reason: str) -> None:
    assert doubt(SOURCE, proof) == reason


shares = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=9)


@given(shares)
def test_what_is_said_in_other_units_is_the_same(own: list[float]) -> None:
    if max(own) - min(own) > 0.01:
        assert agree(dict(enumerate(own)), {name: 3 * share for name, share in enumerate(own)})


@given(shares)
def test_the_opposite_never_agrees(own: list[float]) -> None:
    assert not agree({name: -share for name, share in enumerate(own)}, dict(enumerate(own)))


def test_the_order_of_what_both_call_unimportant_does_not_count() -> None:
    assert agree({"signal": 0.8, "a": 0.15, "b": 0.05}, {"signal": 0.7, "a": 0.1, "b": 0.2})


def test_nothing_in_common_is_no_agreement() -> None:
    assert not agree({"spread": 1.0}, {"volume": 1.0})
