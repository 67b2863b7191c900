"""The ledger accounts for every transfer: which source, how proven, how mixed, what it changed, what it took."""

import json
from itertools import pairwise
from typing import Any

import pytest

from progressive_app.store.models import read_knowledge
from progressive_core.engine.digest import digest
from progressive_front.cli import main
from progressive_studies.transfer_report.build import transfer_report
from progressive_training import read_run

MIXES = (
    "from attrs import evolve; return evolve(target, weights=source.weights)\n\n"
    "from progressive_transfers.weights import alpha_setting, settings"
)
ASKS_FOR_PROOF = (
    "assert (context.proof is None) == (context.phase == 'reverse'); "
    "return None if context.proof is None or context.proof.after < context.proof.before + 3 * context.proof.error "
    "else __import__('attrs').evolve(target, weights=source.weights)"
)

CHOOSER = """
from attrs import evolve
from line_bucket import LineBucket, LineLearner
from progressive_training import LedgerEntry

class Chooser(LineBucket):
    def open(self, bucket, resources):
        return ChoosingLearner(bucket, self.slope, self.distrust, self.t)

class ChoosingLearner(LineLearner):
    def keep_best(self):
        super().keep_best()
        own = {"source": "Chooser", "target": "Chooser", "phase": "choice", "episode": self.episode}
        caution = LedgerEntry(strategy="caution", verdict="kept", reason="t 2.5", before=-2.0, after=-1.0, **own)
        return [caution, evolve(caution, strategy="haste", verdict="rolled back", reason="t -1")]

bucket = Chooser("Chooser")
"""


def of(workshop: Any, **wanted: Any) -> list[dict[str, Any]]:
    return [line for line in workshop.ledger() if all(line[key] == value for key, value in wanted.items())]


def test_a_strategy_sees_the_proof_and_the_ledger_tells_it(workshop: Any) -> None:
    workshop.strategy(ASKS_FOR_PROOF)
    workshop.trainer(SEQUENCE=("First", "Third", "Second"), TRANSFERS=("nudge",)).train_progressively()
    (good,) = of(workshop, strategy="nudge", phase="initial", source="First", target="Second")
    (bad,) = of(workshop, strategy="nudge", phase="initial", source="Third", target="Second")
    assert good["verdict"] == "kept" and good["proof"]["after"] == good["after"] > good["proof"]["before"]
    assert bad["verdict"] == "skipped" and bad["proof"]["after"] < bad["proof"]["before"]
    assert {line["proof"] for line in of(workshop, phase="reverse")} == {None}
    assert good["proof"]["error"] == pytest.approx(0.01)


def test_it_tells_the_version_of_the_source_and_the_mixing(workshop: Any) -> None:
    workshop.strategy(MIXES)
    workshop.trainer(EPISODES={"First": 1, "Second": 20}).train_progressively()
    initial = of(workshop, strategy="nudge", phase="initial")
    assert [line["source_version"] for line in initial] == [1]
    assert {line["source_version"] for line in of(workshop, phase="reverse")} == {0}
    assert {line["alpha"] for line in of(workshop, strategy="nudge")} == {0.9}
    assert {line["alpha"] for line in of(workshop, strategy="horizons")} == {None}


def test_fingerprints_chain_from_one_transfer_to_the_next(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=("First", "Third", "Second"), TRANSFER_COOLDOWN=4).train_progressively()
    met = of(workshop, target="Second", phase="initial")
    assert {line["source"] for line in met} == {"First", "Third"}
    assert all(earlier["after_digest"] == later["before_digest"] for earlier, later in pairwise(met))
    for line in met:
        assert line["verdict"] == "kept" or line["before_digest"] == line["after_digest"]
        known = read_knowledge(workshop.directory / "run", line["source"], line["source_version"])
        assert line["source_digest"] == digest(known)


@pytest.mark.parametrize("key", ["seconds", "proof_seconds", "shared_seconds"])
def test_what_is_spent_once_stands_in_the_first_entry_only(workshop: Any, key: str) -> None:
    workshop.trainer().train_progressively()
    first, *others = of(workshop, target="Second", phase="initial")
    assert first[key] > 0
    assert all((line[key] == 0) == (key != "seconds") for line in others)


def test_a_strategy_says_why_it_skips(workshop: Any) -> None:
    workshop.strategy("from progressive_training import Skip; return Skip(f'not for {target.origin}')")
    workshop.trainer(plugins=("no:weights", "no:features", "no:horizons", "no:reverse")).train_progressively()
    reasons = {line["target"]: (line["verdict"], line["reason"]) for line in workshop.ledger()}
    assert reasons == {name: ("skipped", f"not for {name}") for name in ("First", "Second")}


def test_what_a_bucket_chose_at_its_end_is_recorded_and_is_no_transfer(workshop: Any) -> None:
    workshop.install("chooser", buckets={"Chooser": "chooser:bucket"}, chooser=CHOOSER)
    workshop.trainer(SEQUENCE=("First", "Chooser"), TRANSFERS=()).train_progressively(scratch_arms=True)
    run = workshop.directory / "run"
    assert [line["strategy"] for line in of(workshop, phase="choice")] == ["caution", "haste"]
    assert "Chooser: caution (choice) kept, t 2.5" in workshop.said
    _, chooser = read_run(run).results
    assert [entry.strategy for entry in chooser.transfers if entry.phase == "choice"] == ["caution", "haste"]
    report = transfer_report(run)
    assert "caution" not in {each.strategy for each in report.account.strategies}
    assert "Chooser" not in [each for worth in report.worths for each in worth.taught_by]
    assert main(["report", str(run)]) == 0
    made = json.loads((run / "report.json").read_text())["transfers"]
    assert [each["made"]["strategy"] for each in made["choices"]] == ["caution", "haste"]
    assert not any(each["source"] == each["target"] for each in made["offers"])


def test_a_stage_keeps_what_its_member_chose(workshop: Any) -> None:
    workshop.install("chooser", buckets={"Chooser": "chooser:bucket"}, chooser=CHOOSER)
    workshop.trainer(SEQUENCE=(("First", "Chooser"),), EPISODES=1).train_progressively()
    chooser = next(each for each in read_run(workshop.directory / "run").results if each.bucket == "Chooser")
    assert [entry.strategy for entry in chooser.transfers][:2] == ["caution", "haste"]
    assert [line["strategy"] for line in of(workshop, phase="choice")] == ["caution", "haste"]
