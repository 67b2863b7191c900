"""What a study is put together to: means, spreads, and differences of pairs, by hand."""

import json
import math

import pytest

from progressive_core.contract.profit import percent
from progressive_studies.study.outcomes import BucketOutcome, RunOutcome
from progressive_studies.study.page.study_page import page_of
from progressive_studies.study.paired_statistics import needed_t, spread_of
from progressive_studies.study.study_plan import PlannedRun, StudyPlan
from progressive_studies.study.study_summary import for_programs, put_together
from progressive_studies.study.study_tables import sections_of
from progressive_studies.transfer_report.tables import as_text

ALPHA = "WEIGHT_TRANSFER_ALPHA"


def bucket(name, profit, arm="taught", **other):
    values = {"buy_and_hold": 0.1, "edge_t": 10 * profit, "test_t": 1.0, "sharpe": 1.0, "score": profit, "episodes": 5}
    return BucketOutcome(**{"bucket": name, "arm": arm, "profit": profit, "is_edge": profit > 0.25, **values, **other})


def run(buckets, status="finished", **labels):
    name = "-".join(str(value) for value in labels.values())
    return RunOutcome(name=name, labels=labels, status=status, buckets=tuple(buckets))


def study(*runs, varied=(), bars=True):
    planned = [
        PlannedRun(name=each.name, settings={"DATA": "a.csv" if bars else None}, labels=dict(each.labels))
        for each in runs
    ]
    plan = StudyPlan(kind="study", runs=tuple(planned), about={"varied": list(varied)})
    return put_together("mine", plan, runs)


def test_the_spread_of_numbers():
    spread = spread_of([1.0, 2.0, 6.0, math.nan])
    assert (spread.n, spread.mean, spread.lowest, spread.highest) == (3, 3.0, 1.0, 6.0)
    assert spread.sd == pytest.approx(math.sqrt(7))
    assert spread.error == pytest.approx(math.sqrt(7 / 3))
    assert spread.t == pytest.approx(3 / math.sqrt(7 / 3))
    assert spread.high == pytest.approx(3 + 4.303 * math.sqrt(7 / 3))


def test_one_number_has_no_spread_and_none_no_mean():
    assert math.isnan(spread_of([1.0]).error)
    assert math.isnan(spread_of([1.0]).t)
    assert math.isnan(spread_of([]).mean)
    assert needed_t(1) == math.inf


@pytest.mark.parametrize(("n", "t"), [(2, 12.71), (10, 2.262), (31, 2.042), (41, 2.021), (121, 1.980)])
def test_students_t(n, t):
    assert needed_t(n) == pytest.approx(t, abs=0.005)


def test_a_difference_is_of_pairs_with_one_seed_and_one_market():
    summary = study(
        *(
            run([bucket("Long", taught), bucket("Long", scratch, "scratch")], market=market, seed=seed)
            for market, seed, taught, scratch in (
                ("a", 0, 0.30, 0.10),
                ("a", 1, 0.40, 0.10),
                ("b", 0, 0.10, 0.10),
                ("b", 1, 0.00, 0.10),
            )
        )
    )
    found = {each.market: each.measures["profit"] for each in summary.differences}
    assert found["a"].mean == pytest.approx(0.25)
    assert found["a"].sd == pytest.approx(math.sqrt(0.005))
    assert found["b"].mean == pytest.approx(-0.05)
    # over both markets the mean of each seed counts: 0.10 and 0.10
    assert (found[None].n, found[None].mean) == (2, pytest.approx(0.10))
    assert found[None].sd == pytest.approx(0.0, abs=1e-12)
    document = for_programs(summary)
    assert document["differences"][0]["measures"]["profit"]["mean"] == pytest.approx(percent(0.25))
    assert document["differences"][0]["measures"]["edge_t"]["mean"] == pytest.approx(2.5)
    json.dumps(document, allow_nan=False)


def test_settings_are_held_against_the_first_value_and_a_seed_without_its_pair_is_left_out():
    runs = [
        run([bucket("Long", 0.1 * alpha + seed / 10)], ALPHA=alpha, seed=seed)
        for alpha in (1, 2, 3)
        for seed in (0, 1, 2)
        if (alpha, seed) != (3, 2)
    ]
    runs.append(run([], status="missing", ALPHA=3, seed=2))
    summary = study(*runs, varied=("ALPHA",))
    assert [(each.value, each.reference, each.measures["profit"].n) for each in summary.differences] == [
        (2, 1, 3),
        (3, 1, 2),
    ]
    assert [each.measures["profit"].mean for each in summary.differences] == pytest.approx([0.1, 0.2])
    assert summary.unfinished == (runs[-1],)
    assert summary.notes[0] == "1 of 9 runs are not finished and count nowhere: 3-2"


def test_levels_count_edges_and_over_settings_each_has_its_own():
    summary = study(*(run([bucket("Long", 0.1 * (seed + 1))], seed=seed) for seed in range(4)))
    (level,) = summary.levels
    assert (level.edges, level.measures["profit"].n) == (2, 4)
    assert level.measures["profit"].mean == pytest.approx(0.25)
    assert not summary.differences


def test_what_few_seeds_cannot_say_is_said():
    def same(seed):
        return run([bucket("Long", 0.1), bucket("Long", 0.1, "scratch", is_same=True)], seed=seed)

    one = study(same(0))
    assert any("one seed: no spread" in note for note in one.notes)
    two = study(same(0), same(1))
    assert any("needs a t of 12.7 here" in note for note in two.notes)
    assert any("no bucket kept anything that it was taught" in note for note in two.notes)
    assert any("share their bars" in note for note in two.notes)
    assert any("a synthetic market of its own" in note for note in study(same(0), bars=False).notes)
    halved = study(run([bucket("Long", 0.1, is_halved=True)], seed=0))
    assert any("sizes were halved in 0:" in note for note in halved.notes)


def test_a_strange_name_stays_text_on_the_page_and_every_number_of_the_table_is_there():
    strange = "<script>alert(1)</script>.csv"
    summary = study(
        *(
            run([bucket("Long", 0.1), bucket("Long", 0.05 * seed, "scratch")], market=market, seed=seed)
            for market in (strange, "b.csv")
            for seed in (0, 1, 2)
        )
    )
    page = page_of(summary)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    text = as_text(sections_of(summary))
    for section in sections_of(summary):
        for cell in (cell for row in section.rows for cell in row if cell != strange):
            assert cell.replace(" %", "\N{NO-BREAK SPACE}%") in page
            assert cell.split()[0] in text


def test_a_study_without_a_finished_run_has_a_page_too():
    assert "No run is finished" in page_of(study(run([], status="missing", seed=0)))
