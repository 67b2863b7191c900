"""The comparison with other trainers: what it needs it says, what it counts is so, and equal tasks are equal."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
import torch
from attrs import evolve
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.fused import compiled
from progressive_buckets.learner.opening import learner_on
from progressive_market.fills import Costs, growth_by_bar
from progressive_market.market import open_market

from .conftest import BENCHMARKS

PEERS = ("stable_baselines3", "gymnasium", "gym_anytrading")
WITHOUT_PEERS = any(find_spec(name) is None for name in PEERS)
OTHERS = ("skrl", "tianshou", "torchrl")
COUNT_SAMPLES = """
import sys
sys.path.insert(0, sys.argv[1])
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from rivals import throughput

trained = []

def count(layer, given, out):
    if isinstance(layer, nn.Linear) and layer.in_features == 256 and out.requires_grad:
        out.register_hook(lambda gradient: trained.append(len(gradient)))

trainer = throughput.build({**throughput.OTHERS, "baseline": throughput.peers()[0]}[sys.argv[2]], 2_000)
register_module_forward_hook(count)
done, seconds = trainer.train(64)
assert done >= 64
assert seconds > 0
assert sum(trained) == 8 * done, (sum(trained), done)
assert set(trained) == {32}
"""


def rival(name: str) -> ModuleType:
    return import_module(f"rivals.{name}")


def peers(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "peers.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def printed(table: object) -> str:
    out = StringIO()
    Console(file=out, width=110).print(table)
    return out.getvalue()


@pytest.mark.skipif(not WITHOUT_PEERS, reason="the packages of the bench extra are installed")
def test_without_the_extra_it_says_in_one_line_what_to_install() -> None:
    done = peers("--quick")
    assert done.returncode == 2
    assert done.stderr.strip().endswith('pip install -e ".[bench]"')
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--also", "skrl,rllib"], "no other library is called rllib; there are skrl, tianshou, torchrl"),
        (["--also", "skrl", "--parts", "race"], "--also adds to the part throughput, which --parts leaves out"),
    ],
)
def test_other_libraries_that_cannot_take_part_are_refused(arguments: list[str], told: str) -> None:
    done = peers(*arguments)
    assert done.returncode == 2
    assert done.stderr.strip().endswith(told)


def test_without_the_other_library_it_says_in_one_line_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rival("common"), "find_spec", lambda name: None if name in OTHERS[1:] else object())
    assert import_module("peers").main(["--quick", "--parts", "throughput", "--also", ",".join(OTHERS)]) == 2
    expected = 'peers.py: tianshou, torchrl not installed: pip install "tianshou>=2.0" "torchrl>=0.14"\n'
    assert capsys.readouterr().err == expected


@pytest.mark.skipif(WITHOUT_PEERS, reason="the packages of the bench extra are not installed")
@pytest.mark.parametrize("name", ["baseline", *OTHERS])
def test_every_library_trains_on_8_gradient_samples_a_transition(name: str) -> None:
    if name in OTHERS and find_spec(name) is None:
        pytest.skip(f"{name} is not installed, and no extra of ours installs it")
    # in a process of its own: what a library does to warnings, logs and torch when it is imported stays there
    command = [sys.executable, "-c", COUNT_SAMPLES, str(BENCHMARKS), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_in_one_line() -> None:
    done = peers("--device", "cuda")
    assert done.returncode == 2
    assert "no CUDA device" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_share_of_the_machine_needs_no_other_package() -> None:
    done = peers("--quick", "--parts", "machine")
    assert done.returncode == 0, done.stderr
    assert "windows, bf16" in done.stdout
    assert "kFLOP a bar" in done.stdout


def test_growth_trains_on_a_file_in_a_process_of_its_own(tmp_path: Path) -> None:
    growth, path = rival("growth"), tmp_path / "bars.parquet"
    growth.write_bars({3_000: path})
    with rival("workers").pool(1) as fresh:
        size = fresh.submit(growth.train_on, path, 3_000, "default", 0.0).result()
    assert size.microseconds > 0
    assert 100 < size.peak_mb < 2_000
    assert "3,000" in printed(growth.table([size, evolve(size, setting="equal samples")]))


def test_an_observation_is_the_last_32_bars_of_8_features() -> None:
    bars = rival("common").throughput_bars(2_000)
    rows = torch.from_numpy(rival("common").raw_table(bars).rows)
    market = rival("ours").window_market(bars)
    assert rows.shape == (2_000, 8)
    assert market.features.shape == (2_000, 256)
    for bar in (31, 500, 1_999):
        assert torch.equal(market.features[bar], rows[bar - 31 : bar + 1].flatten())
    assert market.features.untyped_storage().nbytes() < 2 * rows.untyped_storage().nbytes()  # no copy of each window


@pytest.mark.parametrize("batch", [256, 2_048])
def test_gradient_samples_are_those_of_the_peers(batch: int) -> None:
    transitions = 128 * 128
    assert rival("ours").updates_for(transitions, batch) * batch == 8 * transitions


@pytest.mark.parametrize("batch", [64, 512])  # fewer bars than the training part has in a round, and more
def test_operations_counted_from_the_layers_are_those_that_torch_counts(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "library", lambda: None)  # what the compiled passes multiply, torch does not see
    learnability = import_module("learnability")
    settings = {**defaults(), "PARALLEL_EPISODES": 8, "EPISODE_BARS": 32, "UPDATES_PER_EPISODE": 1, "PRECISION": "fp32"}
    bucket = learnability.declared("Scalping")
    learner = learner_on(
        rival("common").throughput_bars(4_000),
        bucket,
        learnability.alone(bucket, 0, settings),
        learnability.all_resources(settings),
    )
    learner.run_episode()
    with FlopCounterMode(display=False) as counter:
        learner.critic.learn(learner.replay, 20, batch)
    valued = rival("arithmetic").valued_share(learner.split.train.stop, batch)
    counted = rival("arithmetic").operations(learner.critic.online.shape, valued) * 20 * batch
    assert counter.get_total_flops() == pytest.approx(counted, rel=0.02)


def test_time_that_kernels_share_is_counted_once() -> None:
    assert rival("gpu").covered([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 1.75)]) == 4.0


def test_the_single_file_dqn_trains() -> None:
    trainer = rival("single_file_dqn").SingleFileDQN(2_000)
    before = trainer.network[0].weight.detach().clone()
    done, seconds = trainer.train(100)
    assert done == 128  # whole steps of 64 environments
    assert seconds > 0
    assert not torch.equal(before, trainer.network[0].weight)


def test_what_a_worker_raises_is_told_and_its_figures_are_doubted_when_others_were_busy() -> None:
    throughput, workers = rival("throughput"), rival("workers")
    trainer = throughput.own()[0]
    with workers.Worker(throughput.build, trainer, 2_000, threads=1) as worker:
        assert worker.ask("train", 10)[0] == 64
        assert worker.use().peak_mb > 50
    with pytest.raises(workers.WorkerError, match="no_such_module"):
        workers.Worker(throughput.build, evolve(trainer, make="no_such_module:x"), 2_000, threads=1)
    busy, free = workers.Use(100.0, 0.5), workers.Use(100.0, 0.99)
    assert "say little" in printed(throughput.table([throughput.Speed(trainer, 1, (10.0,), busy)]))
    assert "say little" not in printed(throughput.table([throughput.Speed(trainer, 1, (10.0,), free)]))


def test_of_each_trainer_the_better_number_of_threads_is_shown_against_the_baseline() -> None:
    throughput, use = rival("throughput"), rival("workers").Use(100.0, 1.0)
    baseline, ours = throughput.peers()[0], throughput.own()[-1]
    speeds = [
        throughput.Speed(baseline, 1, (100.0, 50.0, 100.0), use),
        throughput.Speed(ours, 1, (900.0, 900.0, 900.0), use),
        throughput.Speed(baseline, 2, (90.0, 90.0, 90.0), use),
        throughput.Speed(ours, 2, (1200.0, 600.0, 1200.0), use),
    ]
    one, other = throughput.best_of(speeds)
    assert (one.threads, other.threads) == (1, 2)
    assert throughput.ratio(other, one) == 12.0


def test_wall_clock_to_a_score_is_when_it_was_first_reached() -> None:
    racers, race = rival("racers"), rival("race")
    on = racers.Race("easy", 100)
    peer = racers.Curve("PPO", on, (10.0, 20.0, 30.0), (-1.0, 2.0, 2.0), 3.0)
    ours = racers.Curve(racers.OURS, on, (0.1, 0.2, 0.4), (0.0, 1.0, 4.0), 8.0, ceiling=10.0, ridge=9.0)
    compared = {row.trainer: row for row in race.compare([peer, ours], "easy")}
    assert peer.time_to_best() == 20.0
    assert (compared["PPO"].ours, compared["PPO"].times) == (0.4, pytest.approx(50))
    assert compared["PPO"].shares == (0.3,)
    assert compared[racers.OURS].shares == (0.8,)
    assert "90%" in printed(race.table([peer, ours]))  # ridge


def test_a_score_that_is_never_reached_is_said_to_be() -> None:
    racers, race = rival("racers"), rival("race")
    on = racers.Race("hard", 100)
    peer = racers.Curve("PPO", on, (10.0,), (5.0,), 3.0)
    ours = racers.Curve(racers.OURS, on, (0.1,), (4.0,), 8.0, ceiling=10.0)
    assert "never" in printed(race.table([peer, ours]))


def test_the_peers_environment_pays_what_our_market_pays() -> None:
    pytest.importorskip("gymnasium", reason="the packages of the bench extra are not installed")
    common, environment = rival("common"), rival("market_env")
    bars = common.throughput_bars(3_000)
    split = common.parts_of(bars)
    market = open_market(bars, split, Costs(side=common.FEE), "cpu")
    env = environment.MarketEnv(market, split.train)
    observation, _ = env.reset(seed=3)
    first, generator = env.bar, torch.Generator().manual_seed(0)
    actions = torch.randint(3, (environment.EPISODE_BARS,), generator=generator)
    assert observation.shape == env.observation_space.shape
    steps = [env.step(int(action)) for action in actions]
    part = slice(first, first + environment.EPISODE_BARS)
    held = torch.tensor(environment.SIDE, dtype=torch.float64)[actions]
    expected = growth_by_bar(held, market.returns[part], market.decidable[part], market.costs).sum()
    unit = market.costs.earned(torch.ones(1).double(), market.returns[split.train]).std(unbiased=False)
    assert sum(step[1] for step in steps) * unit == pytest.approx(float(expected), rel=1e-9)
    assert [step[3] for step in steps] == [False] * (environment.EPISODE_BARS - 1) + [True]
