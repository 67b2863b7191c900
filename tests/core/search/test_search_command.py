"""`tune`: a stranger's bucket searched from end to end, gone on with after a stop, and what is adopted written into a configuration."""

import json
from pathlib import Path

import jsonschema
import pytest

from progressive_app.engines.here import Here
from progressive_front.cli import main
from progressive_front.tune.written_choice import with_values
from progressive_training import Interrupted, RunError, Search

ROOT = Path(__file__).parents[3]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/reference/events.schema.json").read_text()))
SOURCES = {name: (ROOT / f"tests/core/{name}.py").read_text() for name in ("line_bucket", "tuned_bucket")}
SETTINGS = {"SEQUENCE": ["First", "Second"], "EPISODES": {"First": 2, "Second": 2}, "DEVICE": "cpu", "STEP": 0.002}
STOPPING = """
import os, signal
from progressive_training import hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    if bucket.run_dir.name == "trial-01" and episode.episode == 1:
        os.kill(os.getpid(), signal.SIGINT)
"""
FAILING = """
from pathlib import Path
from progressive_training import RunError, hookimpl

@hookimpl
def on_bucket_start(bucket):
    if bucket.run_dir.name == "trial-01" and not Path("mended").exists():
        raise RunError("this one cannot be trained")
"""


@pytest.fixture
def here(tmp_path, monkeypatch, install):
    """A working directory with a stranger's buckets, and settings for quick trials."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path("config.json").write_text(json.dumps(SETTINGS))
    install("tuned", buckets={"First": "tuned_bucket:first", "Second": "tuned_bucket:second"}, **SOURCES)
    return directory


@pytest.fixture
def tune(here, capfd):
    """Run a `tune` command line: its exit status, what it printed, and its errors."""

    def run(*arguments):
        capfd.readouterr()
        status = main(["tune", *" ".join(arguments).split()])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run


def found(name):
    """What a search came to, its name and checksum aside."""
    return [
        json.loads(Path(f"tune/{name}/{file}").read_text()) | {"name": "", "sha256": ""}
        for file in ("choice.json", "tune.json")
    ]


def test_a_strangers_bucket_is_searched_and_what_is_adopted_is_written(tune, capfd) -> None:
    text = '{\n  "// STEP": "as it was",\n  "STEP": 0.002,  \n  "EPISODES": 2, "SEQUENCE": ["First", "Second"],\n  "DEVICE": "cpu"\n}\n'
    Path("config.json").write_text(text)
    status, out, err = tune("--bucket First --trials 4 --name mine --write config.json")
    assert (status, err) == (0, "")
    (bucket,) = found("mine")[1]["buckets"]
    assert bucket["adopted"] and bucket["settings"]["STEP"] > 0.002
    assert [trial["status"] for trial in bucket["trials"]] == ["finished"] * 4
    assert bucket["space"] == {"STEP": "1e-4..0.1:log", "WAY": "plain|signed"}
    assert bucket["trials"][0]["values"] == bucket["incumbent"] == {"STEP": 0.002, "WAY": "plain"}
    assert Path("tune/mine/read.txt").read_text() == "choice True\n"
    assert "tune/mine: 4 trials.\nFirst: STEP 1e-4..0.1:log, WAY plain|signed.\n" in out
    assert f"First: Trial {bucket['best']} is adopted" in out
    assert "report: tune/mine/report.html" in out
    step, way = json.dumps({"First": bucket["settings"]["STEP"], "Second": 0.002}), bucket["settings"]["WAY"]
    written = text.replace('"STEP": 0.002', f'"STEP": {step}').replace(
        '"cpu"\n}', f'"cpu",\n  "WAY": {{"First": "{way}"}},\n  "EVIDENCE": {{"First": "test"}}\n}}'
    )
    assert Path("config.json").read_text() == written
    status, out, _ = tune("--resume --name mine --write other.json")
    assert status == 0
    assert "is adopted" in out and "started" not in out
    assert json.loads(Path("other.json").read_text())["EVIDENCE"] == {"First": "test"}
    assert main(["evaluate", "mine"]) == 2
    assert (
        "tune/mine: a search, not a run; `progressive-training tune --resume --name mine` shows it"
        in capfd.readouterr().err
    )
    assert main(["runs"]) == 0
    assert "search tune/mine: finished; `progressive-training tune --resume --name mine`" in capfd.readouterr().out
    Path("named.json").write_text('{"STEP": {"First": 0.002}}')
    assert tune("--resume --name mine --quiet --write named.json")[0] == 0
    assert json.loads(Path("named.json").read_text())["STEP"] == {"First": bucket["settings"]["STEP"]}


def test_buckets_are_searched_each_in_its_place(tune) -> None:
    status, _, err = tune("--bucket all --trials 2 --space STEP=0.01..0.1 --name both --quiet")
    assert status == 0, err
    choice, document = found("both")
    first, second = document["buckets"]
    assert first["adopted"] and second["adopted"]
    base = json.loads(Path("tune/both/runs/Second-trial-01/manifest.json").read_text())["parent"]["run"]
    assert Path(base).name == f"First-trial-{first['best']:02d}"
    settings = json.loads(Path("tune/both/runs/choice/config.json").read_text())
    assert settings["STEP"] == {each["bucket"]: each["settings"]["STEP"] for each in choice["buckets"]}
    assert settings["EVIDENCE"] == {"First": "test", "Second": "test"}
    assert set(Path("tune/both/read.txt").read_text().splitlines()) == {"choice True"}


class Backwards(Here):
    """Three at once, the one that was begun last first."""

    def slots(self, tasks, workers):
        return workers


def test_the_same_comes_of_other_workers_and_after_a_stop(tune, install) -> None:
    search = Search("tune/whole", bucket="First", trials=3, folds=2)
    tried = []
    whole = search.train(engine=Backwards(), workers=3, on_trial=tried.append)
    assert [trial.number for trial in tried] == [0, 1, 2]
    assert len(whole["buckets"][0]["trials"][1]["runs"]) == 2
    install(
        "stopper",
        plugins={"stopping": "stopper_stopping"},
        stopper_stopping=STOPPING.replace("trial-01", "trial-01-fold-1"),
    )
    status, _, err = tune("--bucket First --trials 3 --folds 2 --name stopped")
    assert status == 130
    assert "interrupted; go on with: progressive-training tune --resume --name stopped" in err
    status, out, err = tune("--resume")
    assert (status, err) == (0, "")
    assert "trial-00: started" not in out
    assert found("stopped") == found("whole")


def test_a_search_from_python(here) -> None:
    search = Search("mine", bucket="First", trials=2, space={"STEP": "0.01..0.1"})
    assert repr(search) == "<Search: 2 trials of First in mine>"
    assert search.result is None
    with pytest.raises(RunError, match="not finished"):
        search.write("config.json")
    search.interrupt()
    with pytest.raises(Interrupted):
        search.train()
    assert search.train() == search.result == Search("mine").result
    (step,) = search.settings["STEP"].values()
    assert 0.01 <= step <= 0.1
    assert search.settings["EVIDENCE"] == {"First": "test"}
    assert search.write("config.json") == "config.json: STEP, EVIDENCE written for First"
    with pytest.raises(RunError, match="its plan is fixed"):
        Search("mine", trials=3)


def test_a_trial_that_fails_ends_the_search_behind_its_batch_and_is_tried_again(tune, install) -> None:
    install("failer", plugins={"failing": "failer_failing"}, failer_failing=FAILING)
    status, out, err = tune("--bucket First --trials 3 --space WAY=plain|signed,STEP=0.01..0.1 --name mine")
    assert status == 2
    assert "trial-02: finished" in out and "fresh seeds" not in out
    assert "trial-01: " in err and "this one cannot be trained" in err
    assert "1 of 3 runs did not finish; try them again with: progressive-training tune --resume --name mine" in err
    assert not Path("tune/mine/tune.json").exists()
    Path("mended").touch()
    status, out, _ = tune("--resume")
    assert status == 0
    assert "trial-01: started" in out and "trial-02: started" not in out


def test_what_a_search_came_to_is_read_as_it_was_written(tune) -> None:
    assert tune("--bucket First --trials 2 --name mine --quiet")[0] == 0
    file = Path("tune/mine/tune.json")
    whole, anew = file.read_text(), "move it away, and --resume writes it anew from the runs"
    for text, words in (
        (whole.replace('"seed": 0', '"seed": 7'), "it was changed since it was written"),
        ('{"format": 1}', "it was changed since it was written"),
        (
            whole.replace('"format": 1', '"format": 2'),
            "of another version of this program (its format is 2, this one reads 1)",
        ),
        (whole[:100], "not valid JSON"),
    ):
        file.write_text(text)
        status, _, err = tune("--resume --name mine --write config.json")
        assert (status, err.count("\n")) == (2, 1)
        assert words in err and anew in err
    file.unlink()
    metrics = Path("tune/mine/runs/trial-01/metrics.jsonl")
    lines = metrics.read_bytes()
    metrics.write_bytes(lines[: len(lines) // 2])
    status, _, err = tune("--resume --name mine --quiet")
    assert (status, err.count("\n")) == (2, 1)
    assert "of 2 episodes of First are there" in err and "runs/trial-01, and --resume trains it anew" in err
    metrics.write_bytes(lines)
    config = Path("tune/mine/runs/trial-01/config.json")
    settings = config.read_bytes()
    config.write_bytes(Path("tune/mine/runs/trial-00/config.json").read_bytes())
    status, _, err = tune("--resume --name mine --quiet")
    assert (status, err.count("\n")) == (2, 1)
    assert "runs/trial-01: another run stands in its place (STEP is " in err
    config.write_bytes(settings)
    choice = Path("tune/mine/choice.json")
    text = choice.read_text()
    choice.write_text(text[:50])
    status, _, err = tune("--resume --name mine --quiet")
    assert status == 2
    assert "choice.json: not valid JSON" in err and "it is written anew from the runs" in err
    choice.unlink()
    assert tune("--resume --name mine --quiet")[0] == 0
    assert (file.read_text(), choice.read_text()) == (whole, text)


def test_every_event_is_a_line_of_json(tune) -> None:
    status, out, _ = tune("--bucket First --trials 2 --space WAY=plain|signed --name mine --json")
    assert status == 0
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        SCHEMA.validate(event)
    assert (events[0]["event"], events[-1]["event"]) == ("search_start", "search_end")
    assert [event["number"] for event in events if event["event"] == "trial"] == [0, 1]
    assert [event["bucket"] for event in events if event["event"] == "choice"] == ["First"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "A": 1,\n  "B": {"x": 2}\n}'),
        ("{\n}\n", '{\n  "A": 1,\n  "B": {"x": 2}\n}\n'),
        ('{"A": [{"A": 0}], "C": "}"}', '{"A": 1, "C": "}", "B": {"x": 2}}'),
        ('{\n\t"// A": "{",\n\t"B": null\n}', '{\n\t"// A": "{",\n\t"B": {"x": 2},\n\t"A": 1\n}'),
    ],
)
def test_a_configuration_stays_as_it_is_but_for_what_is_written(before: str, after: str) -> None:
    assert with_values(before, {"A": 1, "B": {"x": 2}}) == after


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "--bucket NAME says whose settings are searched"),
        ("--bucket Frist", "Did you mean 'First'?"),
        ("--bucket Committee", "bucket 'Committee' trains nothing itself"),
        ("--bucket all --sequence (First,Second)", "without brackets"),
        ("--bucket First --episodes Second=3", 'EPISODES names "Second"'),
        ("--bucket First --trials 1", "--trials is 1, expected a whole number from 2"),
        ("--bucket First --space STPE=0..1", "the nearest known setting is STEP"),
        ("--bucket First --set EVIDENCE=half", 'EVIDENCE is "half" for First'),
        ("--bucket First --write nowhere/config.json", "there is no directory"),
        ("--bucket First --write broken.json", "broken.json, line 1"),
        ("--bucket First --storage nowhere/journal.log", "no file can be written there"),
        ("--bucket First --name a/b", "not the name of a search"),
        ("--resume --trials 3", "leave out --trials, or begin a new one"),
        ("--resume", "tune: no unfinished search to resume; name one with --name"),
    ],
)
def test_what_cannot_be_is_one_line(tune, arguments: str, words: str) -> None:
    Path("broken.json").write_text("{,")
    status, out, err = tune(arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not Path("tune").exists()
