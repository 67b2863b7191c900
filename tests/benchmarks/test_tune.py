"""The benchmark of searches: it searches through the program, judges on later bars, and counts what is adopted."""

from pathlib import Path

import pytest
from attrs import evolve


def test_it_runs_and_what_is_in_its_file_is_not_searched_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tune

    words = ["--quick", "--part", "weak,bad", "--markets", "hard", "--rows", str(tmp_path / "rows.jsonl")]
    assert tune.main(words) == 0
    first = capsys.readouterr().out
    assert tune.main(words) == 0
    again = capsys.readouterr().out
    assert "bad hard 200: best " in first and "weak: the obvious way adopts" in first
    assert first.endswith(again)


def test_targets_are_judged_on_what_users_lose_and_get_back() -> None:
    import tune
    from tune_searches import Row, Task

    row = Row(
        Task("bad", "hard", 1),
        best=3,
        adopted=True,
        t_choosing=4.0,
        t_deflated=2.0,
        t=2.5,
        needed=2.1,
        trainings=11.0,
        pruned=20,
        incumbent=0.2,
        tuned=0.7,
        obvious=0.7,
        default=0.8,
        flat=0.1,
        verdict="edge confirmed",
        values={},
        seconds=60.0,
    )
    kept = evolve(row, adopted=False, tuned=0.2)
    bad = {name: (reached, enough) for name, _, reached, enough in tune.lines_of("bad", [row, row, kept])}
    name = "bad, all: recovered, of losses over 5 points"
    assert bad[name] == ("0.83 (0.00 to 0.83), 3 searches; together 0.56", True)
    assert bad["bad, all: adopted, of these with an edge on the test part"][0] == "2 of 3, 2"
    worse = evolve(row, task=Task("default", "hard", 1), incumbent=0.8, tuned=0.75)
    (points,) = [line for line in tune.lines_of("default", [worse]) if line[1] == "at least -2"]
    assert points[2].startswith("-5.0") and points[3] is False
    walks = [evolve(kept, task=Task("walks", "", seed)) for seed in range(20)]
    assert tune.lines_of("walks", [*walks[:19], row])[0][2:] == ("1 of 20", True)
    assert tune.lines_of("walks", [*walks[:18], row, row])[0][2:] == ("2 of 20", False)
