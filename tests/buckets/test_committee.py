"""Committee: the buckets of a run vote, in one model that is saved, served, refused and resumed like any other."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file, save_file

from progressive_buckets.committee import adoption
from progressive_buckets.committee.committee_learner import open_committee
from progressive_buckets.committee.mean_vote import vote_costs
from progressive_core.contract.evaluation import Edge
from progressive_core.contract.records import Resources
from progressive_front.cli import main
from progressive_market.judging.evaluator import MarketEvaluator
from progressive_market.policy import positions_of
from progressive_training import ConfigError, ModelError, ProgressiveTrainer, load_model, read_run
from progressive_training.market import Costs, synthetic_bars

SMALL = {
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": {"Scalping": [4, 24], "Short": [4, 24]},  # of the members alone
    "EPISODES": 2,
    "UPDATES_PER_EPISODE": 10,
    "FEE": 1e-4,
    "DEVICE": "cpu",
}
TINY = {**SMALL, "EPISODES": 1, "UPDATES_PER_EPISODE": 1}
QUIET = ["no:console", "no:report"]
ALL = ["Scalping", "Short", "Committee"]


def trainer(directory: Path, settings=None, **more) -> ProgressiveTrainer:
    return ProgressiveTrainer(lambda line: None, settings=settings or SMALL, run_dir=directory, plugins=QUIET, **more)


def lines(run: Path, file: str) -> list[dict]:
    return [json.loads(line) for line in (run / file).read_text().splitlines()]


def frame(count: int) -> pd.DataFrame:
    bars = synthetic_bars(3000, 0).between(0, count)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("committee") / "run"
    trainer(directory).train_progressively(ALL)
    return directory


def test_it_is_the_mean_vote_of_its_members_each_in_its_own_costs(run: Path) -> None:
    votes, bars = [], synthetic_bars(3000, 0)
    for name in ("Scalping", "Short"):
        model = load_model(run / "models" / name)
        market = model.market(bars)
        one_side = -np.log1p(-market.costs.side) * (1 + model.card.reluctance)
        votes.append(model.advantages(market.part(slice(0, 3000))) * model.card.unit / one_side)
    committee = load_model(run / "models" / "Committee").strategy()
    market = committee.market(bars)
    part = market.part(slice(0, 3000))
    expected = positions_of((votes[0] + votes[1]) / 2, part.decidable, vote_costs(market.costs, market.device))
    followed = committee.follow_strategy(part, market)
    assert len(followed.unique()) > 1
    assert float((followed == expected).double().mean()) > 0.995


def test_it_has_one_episode_and_takes_no_part_in_transfers(run: Path) -> None:
    (choice,) = [line for line in lines(run, "ledger.jsonl") if "Committee" in (line["source"], line["target"])]
    assert (choice["strategy"], choice["phase"], choice["source"]) == ("vote", "choice", "Committee")
    assert [line["bucket"] for line in lines(run, "metrics.jsonl")].count("Committee") == 1
    card = json.loads((run / "models" / "Committee" / "card.json").read_text())
    assert card["knowledge"]["weights"] == []
    assert list(card["members"]) == ["Scalping", "Short"]


def test_the_transfer_report_says_how_far_it_came_and_not_how_fast(run: Path, capsys) -> None:
    assert main(["transfer-report", str(run)]) == 0
    fast, far = capsys.readouterr().out.split("How fast: ")[1].split("How far: ")
    assert "Scalping" in fast and "Short" in fast and "Committee" not in fast
    assert "Committee" in far
    worths = {each["bucket"]: each["trains"] for each in json.loads((run / "transfer.json").read_bytes())["worths"]}
    assert worths == {"Scalping": True, "Short": True, "Committee": False}


def test_its_file_holds_all_that_it_needs_and_decides_bar_by_bar_as_it_was_evaluated(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "models" / "Committee" / "model.safetensors", tmp_path / "alone.safetensors")
    model = load_model(tmp_path / "alone.safetensors", policy="strategy")
    rows = frame(2600)
    market = model.market(model.read(rows))
    part = evolve(market.part(slice(0, 2600)), decidable=market.settled)
    wanted = model.follow_strategy(part, market)
    live = model.live(("flat", "long", "short")[int(wanted[2499])])
    for last in range(2500, 2560, 6):
        position = ("flat", "long", "short")[int(wanted[last - 1])]
        assert model(rows[: last + 1], position).action == ("flat", "long", "short")[int(wanted[last])]
    assert live(rows[:2501]).action == ("flat", "long", "short")[int(wanted[2500])]
    assert model.performance(rows)[0].log_return == pytest.approx(model.trajectory(rows)["log_growth"].sum())


@pytest.mark.parametrize(
    "damage",
    ["a member's weight is gone", "a member's card is damaged", "a member is unknown", "other numbers in ridge"],
)
def test_a_damaged_file_is_refused_by_name(run: Path, tmp_path: Path, damage: str) -> None:
    file = run / "models" / "Committee" / "model.safetensors"
    tensors, card = load_file(file), json.loads((file.parent / "card.json").read_text())
    if damage == "a member's weight is gone":
        del tensors["Short/memory.rows"]
    elif damage == "a member's card is damaged":
        card["members"]["Short"]["unit"] = -1.0
    elif damage == "other numbers in ridge":
        tensors["baseline.ridge"] = tensors["baseline.ridge"].float()
    else:
        card["members"]["Nobody"] = card["members"].pop("Short")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"card": json.dumps(card)})
    with pytest.raises(
        ModelError, match=rf"model\.safetensors.*({damage.rsplit(maxsplit=1)[-1]}|Short|Nobody)"
    ) as refused:
        load_model(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("sequence", "why"),
    [
        (["Committee"], "nobody would vote there"),
        (["Committee", "Scalping", "Short"], "nobody would vote there"),
        (["Scalping", "Committee"], "Scalping of Scalping would vote there"),
        (["Scalping", ["Short", "Committee"]], r"name it behind them, like Short, Committee"),
    ],
)
def test_a_committee_without_members_is_refused_before_anything_is_trained(tmp_path: Path, sequence, why) -> None:
    with pytest.raises(ConfigError, match=why):
        trainer(tmp_path / "run", TINY).train_progressively(sequence)
    assert not (tmp_path / "run").exists()


def test_a_finished_run_goes_on_with_it_and_a_failure_in_it_is_made_good(run: Path, tmp_path: Path) -> None:
    trainer(tmp_path / "run").train_progressively(["Scalping", "Short"])
    with pytest.raises(ConfigError, match="behind them"):
        trainer(tmp_path / "run").resume({"SEQUENCE": ["Scalping", "Short", ["Medium", "Committee"]], "EPISODES": 1})

    def fail(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "run", on_episode=fail).resume({"SEQUENCE": ALL})
    trainer(tmp_path / "run").resume()
    ours, theirs = (load_file(each / "models/Committee/model.safetensors") for each in (tmp_path / "run", run))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_validation_speaks_against_is_not_adopted_whatever_its_edge(run: Path, monkeypatch) -> None:
    monkeypatch.setattr(adoption, "ADOPTION_T", float("inf"))
    honest = MarketEvaluator.evaluate

    def confirmed(self, policy):
        return evolve(honest(self, policy), edge=Edge.CONFIRMED, trades="everywhere", verdict="edge confirmed (t = 9)")

    monkeypatch.setattr(MarketEvaluator, "evaluate", confirmed)
    learner = opened(run)
    (entry,) = learner.keep_best()
    judged = learner.evaluator.evaluate(learner.policy())
    assert (entry.verdict, judged.edge, judged.trades) == ("rolled back", Edge.NONE, "nowhere")
    assert judged.verdict.startswith("not adopted: ")
    card = learner.model().card
    assert (card["trades"], card["verdict"]) == ("nowhere", judged.verdict)


def opened(run: Path):
    """The committee's learner in the run, as the engine opens it."""
    from progressive_app.config.resolve import resolve_values
    from progressive_app.store.progress import read_progress
    from progressive_core.engine.run import bucket_info
    from progressive_training import installed_bucket

    settings = resolve_values(json.loads((run / "config.json").read_text()), "config.json")
    info = bucket_info(settings, installed_bucket("Committee"), tuple(ALL), run)
    resources = Resources(device="cpu", parallel_episodes=1, batch_size=1)
    return open_committee(evolve(info, results=read_progress(run).results), resources)


def test_it_is_judged_by_no_more_than_its_members_showed_on_bars_that_did_not_choose_them(run: Path) -> None:
    learner = opened(run)
    own = [load_model(run / "models" / name).card.validation_t for name in ("Scalping", "Short")]
    learner.run_episode()
    assert learner.own_t() <= sum(own) / 2


def test_where_validation_chose_settings_of_a_member_it_says_nothing_of_the_vote(run: Path) -> None:
    learner = opened(run)
    first, *others = learner.members
    tuned = evolve(first, model=evolve(first.model, card={**first.model.card, "evidence": "test"}))
    assert "on test bars alone" not in learner.evaluator.evaluate(learner.policy()).verdict
    learner._seat([tuned, *others])
    assert (
        "on test bars alone, since validation chose its settings"
        in learner.evaluator.evaluate(learner.policy()).verdict
    )
    assert learner.model().card["evidence"] == "test"


def test_with_regimes_it_is_believed_no_more_than_its_members_in_each_either(tmp_path: Path) -> None:
    trainer(tmp_path / "run", {**TINY, "REGIMES": "quantile", "UPDATES_PER_EPISODE": 4}).train_progressively(ALL)
    models = {name: load_model(tmp_path / "run" / "models" / name) for name in ALL}
    own = [np.array(models[name].card.regime_validation_t) for name in ALL[:2]]
    assert (np.array(models["Committee"].card.regime_validation_t) <= sum(own) / 2 + 1e-12).all()
    assert len(own[0]) == 2
    part = models["Short"].market(synthetic_bars(3000, 0)).part(slice(2000, 2100))
    with pytest.raises(ModelError, match="Short model: it has specialists for 2 regimes, and the bars have 0"):
        models["Short"].advantages(evolve(part, regimes=None))


@pytest.mark.parametrize(
    ("t", "own_t", "adopted"), [(-1.9, 1.5, True), (-2.1, 4.0, False), (3.0, 1.4, False), (3.0, np.nan, False)]
)
def test_it_is_adopted_where_its_members_showed_something_and_it_is_no_worse(
    t: float, own_t: float, adopted: bool
) -> None:
    found = adoption.Adopted(committee=0.1, members=0.2, t=t, own_t=own_t)
    assert found.adopted is adopted
    assert found.reason.startswith("no worse" if adopted else "worse" if t < -2 else "its members show too little")


def test_a_vote_that_costs_nothing_is_in_deviations_and_long_only_never_shorts(run: Path) -> None:
    model = load_model(run / "models" / "Short")
    part = model.market(synthetic_bars(3000, 0)).part(slice(100, 200))
    model.card = evolve(model.card, costs=evolve(model.card.costs, side=0.0))
    assert torch.equal(model.votes(part), model.advantages(part))
    device = torch.device("cpu")
    assert vote_costs(Costs(0.0), device).count_nonzero() == 0
    assert vote_costs(Costs(0.001), device)[0].tolist() == pytest.approx([0.0, 1.0, 1.0])
    assert vote_costs(Costs(0.001, allowed="long"), device)[:, 2].isinf().all()


def test_it_is_challenged_on_the_bars_that_it_was_judged_on(run: Path, capsys) -> None:
    attacks = ("feeds", "outages", "bootstrap", "volatility_shock", "reversed_drift", "last_digits")
    left_out = [part for name in attacks for part in ("-p", f"no:{name}")]
    assert main(["challenge", str(run), "--bucket", "Committee", "--json", *left_out]) == 0
    (found,) = json.loads(capsys.readouterr().out)["buckets"]
    judged = next(each.evaluation for each in read_run(run).results if each.bucket == "Committee")
    assert judged is not None
    assert found["dates"] == list(judged.validation_dates)
    assert found["profit"] == pytest.approx(judged.validation[0].profit, abs=1e-9)
