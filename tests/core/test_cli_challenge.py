"""`challenge`: how the strategies of a run break."""

import json
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from progressive_front.cli import main
from progressive_training import Interrupted, ProgressiveTrainer, read_run
from progressive_training.market import synthetic_bars

TINY = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 2,
    "HORIZON_RANGE": [1, 24],
    "DATA": "trained.csv",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 4,
    "DEVICE": "cpu",
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `mine`, a finished run of two buckets."""
    import pandas as pd

    directory = tmp_path_factory.mktemp("workplace")
    with chdir(directory):
        bars = synthetic_bars(3_000, seed=0)
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame({"time": pd.to_datetime(bars.time), **columns})
        frame.assign(mood=frame.index % 7).to_csv("trained.csv", index=False)
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory


@pytest.fixture(autouse=True)
def _here(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)


def challenged(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["challenge", "mine", "--json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    kept: dict[str, Any] = json.loads(Path("mine/challenge.json").read_bytes())
    assert {**document, "buckets": None} == {**kept, "buckets": None}
    assert all(bucket in kept["buckets"] for bucket in document["buckets"])
    return document


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["challenge", *arguments]) == 2
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "error:" in each]
    return line


def test_what_is_attacked_is_the_strategy_that_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    document = challenged(capsys)
    judged = {result.bucket: result.evaluation for result in read_run("mine").results}
    for bucket in document["buckets"]:
        evaluation = judged[bucket["bucket"]]
        assert evaluation is not None
        assert bucket["dates"] == list(evaluation.validation_dates)
        assert bucket["profit"] == pytest.approx(evaluation.validation[0].profit, abs=1e-9)
        assert bucket["t"] == pytest.approx(evaluation.validation[0].t, abs=1e-9)
        named = {each["attack"] for each in bucket["attacks"]}
        assert {"late_fills", "rising_costs", "feeds", "outages", "bootstrap", "last_digits"} <= named
        assert {"mood frozen", "mood 3 bars late"} <= {each["variant"] for each in bucket["attacks"]}
        assert bucket["peers"]["judges"] == [name for name in judged if name != bucket["bucket"]]
    assert (document["part"], document["test_reads"]) == ("validation", 0)


def test_the_test_part_is_read_when_asked_and_that_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    first = challenged(capsys, "--test", "--bucket", "Short", "-p", "no:bootstrap")
    (bucket,) = first["buckets"]
    result = next(each for each in read_run("mine").results if each.bucket == "Short")
    assert result.evaluation is not None
    assert bucket["profit"] == pytest.approx(result.evaluation.test[0].profit, abs=1e-9)
    assert bucket["peers"]["judges"] == ["Scalping"]
    assert "bootstrap" not in {each["attack"] for each in bucket["attacks"]}
    assert challenged(capsys, "--test")["test_reads"] == first["test_reads"] + 1
    assert challenged(capsys)["test_reads"] == first["test_reads"] + 1  # still known
    assert "was challenged" in Path("mine/challenge.md").read_text()


def test_people_get_a_sentence_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["challenge", "mine"]) == 0
    shown = capsys.readouterr().out
    for head in ("ATTACK", "KEPT", "fill 1 bar late", "Rank correlation", "challenge.json"):
        assert head in shown
    assert Path("mine/challenge.md").read_text().startswith("# How the strategies of mine break")


def test_the_report_has_a_section_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    document = challenged(capsys, "-p", "no:bootstrap")
    assert main(["report", "mine", "--json"]) == 0
    part = json.loads(capsys.readouterr().out)["challenge"]
    assert [each["sentence"] for each in part["buckets"]] == [each["sentence"] for each in document["buckets"]]
    assert [len(each["attacks"]) for each in part["buckets"]] == [len(each["attacks"]) for each in document["buckets"]]
    assert "How they break" in Path("mine/report.html").read_text()


def test_one_bucket_alone_leaves_what_is_known_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    quick = ("-p", "no:bootstrap", "-p", "no:feeds")
    first, second = challenged(capsys, *quick)["buckets"]
    (again,) = challenged(capsys, *quick, "--bucket", "Short", "--test")["buckets"]
    file = Path("mine/challenge.json")
    assert json.loads(file.read_bytes())["buckets"] == [first, again]
    text = Path("mine/challenge.md").read_text()
    assert "KEPT of the growth on the validation bars" in text and "KEPT of the growth on the test bars" in text
    assert main(["report", "mine", "--json"]) == 0
    assert [each["part"] for each in json.loads(capsys.readouterr().out)["challenge"]["buckets"]] == [
        "validation",
        "test",
    ]
    assert "Challenged before, on the validation bars" in Path("mine/report.html").read_text()

    document = json.loads(file.read_bytes())
    for change in ({"model": "0" * 64}, {"attacks": 3}, {"dates": None}):  # of another model, or damaged
        file.write_text(json.dumps({**document, "buckets": [{**first, **change}, second, None]}))
        assert main(["challenge", "mine/Short", *quick, "--json"]) == 0
        (again,) = json.loads(capsys.readouterr().out)["buckets"]
        assert json.loads(file.read_bytes())["buckets"] == [again]


def test_a_run_of_one_bucket_has_no_peers(capsys: pytest.CaptureFixture[str]) -> None:
    alone = ["--bucket", "Short", "--episodes", "1", "--run-dir", "alone"]
    assert main([*alone, "-p", "no:report", "-p", "no:console"]) == 0
    assert main(["challenge", "alone"]) == 0
    assert "No peers" in capsys.readouterr().out


def test_of_a_run_that_is_not_finished_the_finished_buckets_are_challenged(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = ProgressiveTrainer(
        lambda line: trainer.interrupt() if line.startswith("Short") else None,
        settings={**TINY, "DATA": "trained.csv"},
        run_dir="half",
        plugins=("no:report",),
    )
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    assert main(["challenge", "half", "-p", "no:feeds", "-p", "no:bootstrap"]) == 0
    shown = capsys.readouterr()
    assert "this run is not finished" in shown.err
    assert "Scalping: " in shown.out and "Short: " not in shown.out


def test_data_that_changed_is_refused_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("mine", "copied")
    for file in Path("copied").glob("challenge.*"):
        file.unlink()
    kept = Path("trained.csv").read_text()
    Path("trained.csv").write_text(kept.replace("2020-01-02", "2020-01-03", 1))
    try:
        assert "trained.csv: changed since the run was begun" in refused(capsys, "copied")
    finally:
        Path("trained.csv").write_text(kept)
    assert not list(Path("copied").glob("*challenge*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no run 'nowhere'"),
        (["mine", "--bucket", "Shrot"], "no bucket 'Shrot' is finished. Did you mean 'Short'?"),
        (["mine/Shrot"], "no result of 'Shrot'. Did you mean 'Short'?"),
        (["mine/Short", "--bucket", "Scalping"], "mine/Short names bucket 'Short'; name one of the two"),
        (["mine", "--set", "FEE=0"], "challenge takes RUNS_DIR"),
        (["study"], "a study or walk-forward of several runs; challenge one of them"),
    ],
)
def test_what_cannot_be_challenged_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("study").mkdir(exist_ok=True)
    Path("study/plan.json").write_text("{}")
    assert words in refused(capsys, *arguments)


def test_an_interrupted_challenge_leaves_nothing_half(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = sorted(Path("mine").iterdir())
    monkeypatch.setattr("progressive_market.challenge.challenged_models.review", interrupt)
    assert main(["challenge", "mine"]) == 130
    assert sorted(Path("mine").iterdir()) == before
    assert "stopped" in capsys.readouterr().err


STRANGER = """
from attrs import evolve

def quiet_volume(subject):
    bars = evolve(subject.bars, volume=subject.bars.volume / 2)
    return {"half of the volume": subject.remade(bars).growth}

def wrong(subject):
    raise ValueError("not today")

def vandal(subject):
    subject.part.features[:] = 0
    return {"nothing": subject.growth}

def thief(subject):
    subject.held[:] = 0
    return {"nothing held": subject.growth}

def zealous(subject):
    return {"as it is": subject.on(subject.part)}

def short(subject):
    return {"a bar": subject.growth[:1]}
"""


def test_an_attack_of_a_stranger_is_made_and_one_that_fails_is_named(
    install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("quiet_volume", "wrong", "vandal", "thief", "zealous", "short")
    install("acme", attacks={name: f"acme_attacks:{name}" for name in names}, acme_attacks=STRANGER)
    (bucket,) = challenged(capsys, "--bucket", "Short", "-p", "no:bootstrap", "-p", "no:feeds")["buckets"]
    (made,) = [each for each in bucket["attacks"] if each["attack"] == "quiet_volume"]
    assert (made["variant"], made["owner"]) == ("half of the volume", "attack 'quiet_volume' (acme 1.2)")
    assert bucket["attacks"][0]["variant"] == "fill 1 bar late"
    assert [each["kept"] for each in bucket["attacks"] if each["attack"] == "zealous"] in ([1.0], [None])
    reasons = {each["attack"]: each["reason"] for each in bucket["failed"]}
    assert "(acme 1.2) failed: ValueError('not today'). Leave it out with -p no:wrong" in reasons["wrong"]
    assert "wrote to market.features and part.features, which all attacks share" in reasons["vandal"]
    assert "wrote to held, which all attacks share" in reasons["thief"]
    assert "one finite log growth for each" in reasons["short"]
    assert len(reasons) == 4
