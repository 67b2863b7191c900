"""The planted markets of two regimes, and the study of what regimes are worth on them."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve


@pytest.mark.parametrize(
    ("kind", "signs"),
    [("half", (1, 0)), ("half_wild", (0, 1)), ("flip", (1, -1)), ("still", (1, 1)), ("walk", (0, 0))],
)
def test_only_what_the_kind_names_depends_on_the_regime(kind: str, signs: tuple[int, int]) -> None:
    import planted_regimes

    market = planted_regimes.regime_bars(kind, 12_000, seed=3)
    truth, wild = market.truth, market.regime == 1
    view, move = truth.bars.extra["view_fast"][:-1], np.diff(np.log(truth.bars.close))
    for sign, own in zip(signs, (~wild[:-1], wild[:-1]), strict=True):
        tied = float(np.corrcoef(view[own], move[own])[0, 1])
        assert sign * tied > 0.03 if sign else abs(tied) < 0.03
    assert truth.volatility[wild].min() > truth.volatility[~wild].max()


def test_the_study_runs_and_what_is_in_its_file_is_not_trained_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import regimes

    words = ["--quick", "--parts", "half", "--rows", str(tmp_path / "rows.jsonl")]
    assert regimes.main(words) == 0
    first = capsys.readouterr().out
    assert regimes.main(words) == 0
    again = capsys.readouterr().out
    assert "half 100 1500 hmm: strategy" in first
    assert first.endswith(again)


def test_an_edge_that_regimes_show_and_one_that_they_lose_are_counted() -> None:
    import regimes
    from regimes_training import Row, Task

    task = Task("half", 20_000, 0, "", fresh=20_000)
    plain = Row(
        task, used=0.0, strategy=0.5, ceiling=9.0, t=1.0, edge="none", trades="nowhere", specialists=False, seconds=2
    )
    gated = evolve(
        plain,
        task=evolve(task, detector="hmm"),
        used=0.8,
        edge="confirmed",
        trades="in regime 1",
        specialists=True,
        seconds=5,
    )
    lost = (evolve(plain, used=0.5, edge="confirmed", trades="everywhere"), evolve(gated, used=0.0, edge="none"))
    reached = {name: told for name, _, told, _ in regimes.planted_lines("half, hmm", "half", [(plain, gated), lost])}
    assert reached["half, hmm: edges found where none was shown, and lost"] == "1 of 1, 1"
    assert reached["half, hmm: in use, points by seed"] == "+15 (+15; -50 to +80)"
