"""The ridge bucket and the RSI feature, installed together as a stranger would: trained, resumed, loaded, evaluated, missed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from progressive_training.market import synthetic_bars

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SMALL = (
    *("--sequence", "Ridge,Scalping", "--episodes", "3", "--device", "cpu", "-p", "no:report", "-p", "no:console"),
    *("--set", "SYNTHETIC_BARS=4000", "--set", "UPDATES_PER_EPISODE=2", "--set", "RIDGE_PENALTY=500"),
)


@pytest.fixture(scope="module")
def packages(install) -> tuple[Path, Path]:
    return install(EXAMPLES / "ridge_bucket"), install(EXAMPLES / "rsi_feature")


@pytest.fixture(scope="module")
def trained(packages, tmp_path_factory, site_at):
    """A site with a run that was killed in the ridge bucket and resumed, `run`, and a file of other bars."""
    site = site_at(tmp_path_factory.mktemp("trained"), packages)
    site.killed("Ridge: episode 2 of 3", *SMALL, "--run-dir", "run")
    site.program("--resume", "--run-dir", "run")
    bars = synthetic_bars(1500, seed=9)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"time": pd.to_datetime(bars.time), **prices}).to_csv(site.cwd / "bars.csv", index=False)
    return site


def test_they_are_listed_and_the_setting_has_its_owner(trained) -> None:
    plugins, config = trained.programs("plugins --json", "config")
    listed = {record["name"]: record for record in json.loads(plugins)}
    assert (listed["Ridge"]["distribution"], listed["rsi"]["distribution"]) == ("ridge-bucket", "rsi-feature")
    (line,) = [line for line in config.splitlines() if "RIDGE_PENALTY" in line]
    assert "1000" in line
    assert "Ridge" in line


def test_they_train_in_a_sequence_with_a_built_in_bucket_and_are_resumed(trained) -> None:
    run = trained.cwd / "run"
    for bucket in ("Ridge", "Scalping"):
        card = json.loads((run / "models" / bucket / "card.json").read_text())
        assert card["features"][-1] == "rsi.rsi14"
        (plugin,) = card["feature_plugins"]
        assert (plugin["name"], plugin["distribution"], plugin["version"]) == ("rsi", "rsi-feature", "0.1.0")
    taught = json.loads((run / "models" / "Ridge" / "card.json").read_text())["knowledge"]
    assert sum(taught["feature_importance"].values()) == pytest.approx(1)
    assert taught["horizons"].keys() == {"6", "24", "96"}
    ledger, metrics = (
        [json.loads(line) for line in (run / name).read_text().splitlines()]
        for name in ("ledger.jsonl", "metrics.jsonl")
    )
    assert {(line["source"], line["target"]) for line in ledger} >= {("Ridge", "Scalping")}
    assert [line["episode"] for line in metrics] == [1, 2, 3, 1, 2, 3]


def test_the_model_decides_on_other_bars_is_evaluated_on_them_and_stands_in_the_transfer_report(trained) -> None:
    code = (
        "import pandas; from progressive_training import load_model; model = load_model('run/models/Ridge'); "
        "print(model(pandas.read_csv('bars.csv', parse_dates=['time'])).action)"
    )
    assert trained.python("-c", code).strip() in ("long", "flat", "short")
    commands = (
        "evaluate run --data bars.csv --json",
        "signal run --data bars.csv --json",
        "transfer-report run --json",
    )
    evaluated, signals, report = map(json.loads, trained.programs(*commands))
    assert evaluated["Ridge"][0]["strategy"] == "Ridge"
    assert evaluated["Ridge"][0].keys() == evaluated["Scalping"][0].keys()
    ridge, scalping = signals
    assert (ridge["bucket"], ridge["predictions"]) == ("Ridge", {})
    assert ridge["action"] in ("long", "flat", "short")
    assert ridge["time"] == scalping["time"]

    assert report["matrix"]["buckets"] == ["Ridge", "Scalping"]


def test_without_the_feature_the_model_names_what_it_needs(trained, packages, site_at) -> None:
    with site_at(trained.cwd, packages[:1]).start(
        "-m", "progressive_training", "evaluate", "run", "--data", "bars.csv"
    ) as process:
        _, error = process.communicate()
    assert process.returncode == 2
    assert "the feature 'rsi' of rsi-feature 0.1.0, which is not installed" in error


def test_their_own_tests_pass(trained) -> None:
    tests = [str(EXAMPLES / name / "tests") for name in ("ridge_bucket", "rsi_feature")]
    trained.python("-m", "pytest", "-q", *tests, "-p", "no:cacheprovider")


def test_each_part_is_as_short_as_we_promise() -> None:
    def lines(name: str) -> int:
        return len((EXAMPLES / name).read_text().splitlines())

    assert lines("ridge_bucket/ridge_bucket/bucket.py") <= 70
    assert lines("rsi_feature/rsi_feature/rsi.py") <= 15
