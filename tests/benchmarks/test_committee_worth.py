"""The benchmark of committees: it trains a run with one, judges on later bars, and counts what it claims."""

import pytest


def test_it_runs_and_judges_by_its_targets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import committee

    monkeypatch.setattr(committee, "NAMES", ("Scalping", "Short"))
    code = committee.main(["--quick", "--part", "walks", "--seeds", "1"])
    printed = capsys.readouterr().out
    assert "mean (built in)" in printed and "adoption's t on validation: " in printed
    assert code == ("FAIL" in printed)
