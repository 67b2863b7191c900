"""The benchmark of stages: it trains both ways, and adds up the longest way through a run."""

from pathlib import Path

import pytest

from progressive_training import BucketResult
from progressive_training.presentation import critical_path


def test_it_runs_and_judges_by_its_targets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import stages

    monkeypatch.setattr(stages, "SEQUENCE", ("Scalping", "Short"))
    monkeypatch.setattr(stages, "STAGED", (("Scalping", "Short"),))
    code = stages.main(["--quick", "--seeds", "1", "--markets", "easy"])
    printed = capsys.readouterr().out
    assert "easy seed 600:" in printed and "of the sequence's (at most 0.55)" in printed
    assert code == ("FAIL" in printed)


def test_the_critical_path_is_the_longest_member_and_all_exchanges() -> None:
    def took(bucket: str, seconds: float, exchange: float = 0.0) -> BucketResult:
        return BucketResult(
            bucket=bucket,
            episodes=1,
            stopped="",
            best_score=0.0,
            best_episode=1,
            seconds=seconds,
            model_path=Path(),
            evaluation=None,
            exchange_seconds=exchange,
        )

    results = [took("A", 5.0), took("B", 11.0, 1.0), took("C", 8.0, 2.0)]
    assert critical_path(["A", ["B", "C"]], results) == 5.0 + 10.0 + 3.0
    assert critical_path(["A", "B", "C"], results) == 24.0
    assert critical_path(["A", ["B", "C"]], results[:1]) == 5.0
