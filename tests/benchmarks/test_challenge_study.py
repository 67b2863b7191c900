"""The benchmark of `challenge`: planted faults are counted by what was planted, and healthy models by any fault."""

import pytest
from rich.console import Console


@pytest.mark.parametrize(("of_healthy", "met"), [([], True), (["needs cheap trades"], False)])
def test_faults_are_counted_by_what_was_planted(
    of_healthy: list[str], met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    import challenge

    def answer(market: str, faults: list[str]) -> challenge.Answer:
        bucket = {"faults": faults, "sentence": "", "attacks": [{"variant": "fill 1 bar late", "kept": 0.25}]}
        return challenge.Answer(challenge.Task("faults", market, 0), {"buckets": [bucket]}, {"buckets": [bucket]})

    planted = [answer("instant fill", ["needs an instant fill"]), answer("one feed", ["rests on one feature"])]
    assert challenge.show_faults([*planted, answer("none", of_healthy)], Console(width=170)) is met
    assert (
        f"named with the planted fault: 2 of 2 (target: 9 of 10); of the healthy {len(of_healthy)} of 1"
        in capsys.readouterr().out
    )


def test_each_faulty_market_is_the_same_for_the_same_seed() -> None:
    import challenge_markets

    for fault in challenge_markets.FAULTS:
        one, other = (challenge_markets.faulty_market(fault, 500, 1) for _ in range(2))
        assert (one.close == other.close).all() and one.extra.keys() == other.extra.keys()
