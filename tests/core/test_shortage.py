"""Memory that runs out in training: half the sizes and on from the last checkpoint, once; then a line, and a run to resume."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from progressive_app.machine.shortage import describe_shortage, is_shortage
from progressive_core.contract.errors import OutOfMemoryError
from progressive_core.engine.run import Interrupted
from progressive_front.cli import main
from progressive_training import ConfigError, PluginError, RunError

HUNGRY = """
import weakref
from pathlib import Path

import torch
from attrs import frozen
from line_bucket import LineBucket, LineLearner

FITS = 300  # the largest batch that does not run out of memory
AT = 3  # the episode that needs much


def run_out():
    ERROR


@frozen
class HungryBucket(LineBucket):
    def open(self, bucket, resources):
        seen = Path(SEEN)
        with seen.open("a") as file:
            held = sum(reference() is not None for reference in HELD)
            file.write(f"{resources.parallel_episodes} {resources.batch_size} {held}\\n")
        return HungryLearner(bucket, self.slope, self.distrust, resources)


HELD = []  # weak references to what the learners held


class HungryLearner(LineLearner):
    def __init__(self, bucket, slope, distrust, resources):
        super().__init__(bucket, slope, distrust)
        self.batch = resources.batch_size

    def run_episode(self):
        ballast = torch.zeros(1000)
        HELD.append(weakref.ref(ballast))
        if self.episode + 1 == AT and self.batch > FITS:
            run_out()
        return super().run_episode()


bucket = HungryBucket("Hungry")
"""
ERRORS = {
    "torch on the CPU": "torch.empty(1 << 50)",
    "torch on a GPU": "raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 MiB')",
    "Python": "bytearray(1 << 60)",
    "wrapped": "\n    try:\n        bytearray(1 << 60)\n    except MemoryError as error:\n        raise KeyError('x') from error",
}
RAISES = """
from progressive_training import hookimpl

@hookimpl
def {hook}({record}):
    if {when}:
        raise MemoryError("no more")
"""
GREEDY = {
    "on_bucket_start": RAISES.format(hook="on_bucket_start", record="resources", when="resources.batch_size > 300"),
    "on_episode_end": RAISES.format(hook="on_episode_end", record="episode", when="episode.episode == 2"),
}


@pytest.fixture
def hungry(workshop: Any) -> Any:
    """A workshop with one more bucket: `grow(...)` installs it, `opened()` tells the sizes that it was opened with."""
    seen = workshop.directory / "opened"

    def grow(error: str = "Python", **changes: int) -> None:
        source = HUNGRY.replace("ERROR", ERRORS[error]).replace("SEEN", repr(str(seen)))
        for name, value in changes.items():
            source = source.replace(f"{name} = ", f"{name} = {value}  # ")
        workshop.install("hungry", buckets={"Hungry": "hungry_bucket:bucket"}, hungry_bucket=source)

    workshop.grow = grow
    workshop.opened = lambda: [tuple(map(int, line.split())) for line in seen.read_text().splitlines()]
    return workshop


def state(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "state.json").read_text()))


def episodes(run: Path, bucket: str) -> list[int]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["episode"] for line in lines if line["bucket"] == bucket]


@pytest.mark.parametrize("error", ERRORS)
def test_the_bucket_goes_on_with_half_the_sizes_from_its_last_checkpoint(
    hungry: Any, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    hungry.grow(error)
    paths = hungry.trainer(SEQUENCE=("First", "Hungry", "Second")).train_progressively()
    assert [sizes[:2] for sizes in hungry.opened()[:2]] == [(64, 512), (32, 256)]
    run = hungry.directory / "run"
    assert episodes(run, "Hungry") == [1, 2, 3, 4]
    results = {result["bucket"]: result["halved_to"] for result in state(run)["results"]}
    assert results == {"First": None, "Hungry": {"parallel_episodes": 32, "batch_size": 256}, "Second": None}
    (told,) = [line for line in hungry.said if "memory ran out" in line]
    assert told == (
        "Hungry: memory ran out with 64 parallel episodes and batches of 512; going on from its last checkpoint with 32 and 256"
    )
    assert "memory ran out: the bucket goes on with half the sizes" in capfd.readouterr().err
    assert paths["Hungry"].is_file()


def test_nothing_of_the_failed_try_is_held_when_the_next_one_begins(hungry: Any) -> None:
    hungry.grow("torch on the CPU")
    hungry.trainer(SEQUENCE=("Hungry",)).train_bucket("Hungry")
    assert hungry.opened() == [(64, 512, 0), (32, 256, 0)]


def test_where_there_is_no_checkpoint_yet_it_begins_again(hungry: Any) -> None:
    hungry.grow(AT=1)
    hungry.trainer(SEQUENCE=("First", "Hungry")).train_progressively()
    assert episodes(hungry.directory / "run", "Hungry") == [1, 2, 3, 4]
    assert any("going on from its beginning" in line for line in hungry.said)
    initial = [line for line in hungry.ledger() if line["target"] == "Hungry" and line["phase"] == "initial"]
    assert len({line["strategy"] for line in initial}) == len(initial), "each transfer stands in the ledger once"


def test_what_does_not_look_at_the_sizes_ends_as_if_memory_had_not_run_out(hungry: Any) -> None:
    hungry.grow()
    hungry.trainer("short", SEQUENCE=("First", "Hungry")).train_progressively()
    hungry.trainer("ample", SEQUENCE=("First", "Hungry"), BATCH_SIZE=256).train_progressively()
    for name in ("First", "Hungry"):
        short, ample = (hungry.directory / run / f"models/{name}/model.safetensors" for run in ("short", "ample"))
        assert short.read_bytes() == ample.read_bytes()


def test_the_second_time_the_run_stops_in_one_line_and_can_be_resumed(hungry: Any) -> None:
    hungry.grow(FITS=200)
    with pytest.raises(OutOfMemoryError) as caught:
        hungry.trainer(SEQUENCE=("First", "Hungry")).train_progressively()
    told = str(caught.value)
    assert told.startswith("Hungry: memory ran out again, with 32 parallel episodes and batches of 256 (MemoryError); ")
    assert "MB are in use" in told and "lower PARALLEL_EPISODES or BATCH_SIZE" in told
    assert len(told.splitlines()) == 1
    run = hungry.directory / "run"
    stands = state(run)
    assert (stands["status"], stands["bucket"], stands["episode"]) == ("interrupted", "Hungry", 2)
    assert stands["halved_to"] == {"parallel_episodes": 32, "batch_size": 256}
    with pytest.raises(OutOfMemoryError, match="memory ran out again"):
        hungry.trainer().resume()
    import hungry_bucket  # type: ignore[import-not-found]

    hungry_bucket.FITS = 256  # there is more memory now
    hungry.trainer().resume()
    assert hungry.opened()[-1][:2] == (32, 256)
    assert episodes(run, "Hungry") == [1, 2, 3, 4]
    assert state(run)["results"][-1]["halved_to"] == stands["halved_to"]
    assert state(run)["halved_to"] is None


@pytest.mark.parametrize("kept", [2, 1])
def test_damage_behind_it_does_not_have_memory_run_out_once_more(
    hungry: Any, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("progressive_core.engine.sequence.CHECKPOINT_SHARE", 1.0)  # one after each episode
    hungry.grow()
    hungry.stop_at = "Hungry: episode 3"
    with pytest.raises(Interrupted):
        hungry.trainer(SEQUENCE=("First", "Hungry")).train_progressively()
    hungry.stop_at = ""
    run = hungry.directory / "run"
    for episode in range(kept + 1, 4):
        (run / f"checkpoints/Hungry-{episode:06d}.safetensors").write_bytes(b"")
    hungry.said.clear()
    hungry.trainer().resume()
    assert [sizes[:2] for sizes in hungry.opened()] == [(64, 512), (32, 256), (32, 256)]
    (told,) = [line for line in hungry.said if "damaged" in line or "going on" in line]
    assert told.endswith(
        f"resuming from episode {kept} of Hungry, with 32 parallel episodes and batches of 256, since memory ran out"
    )
    assert episodes(run, "Hungry") == [1, 2, 3, 4]


@pytest.mark.parametrize("isolate", [False, True])
def test_a_scratch_arm_has_the_sizes_that_the_taught_bucket_ended_with(hungry: Any, isolate: bool) -> None:
    hungry.grow()
    hungry.trainer(SEQUENCE=("First", "Hungry")).train_progressively(scratch_arms=True, isolate=isolate)
    assert [sizes[:2] for sizes in hungry.opened()] == [(64, 512), (32, 256), (32, 256)]
    taught, arm = (state(hungry.directory / run)["results"][-1] for run in ("run", "run/scratch"))
    assert taught["bucket"] == arm["bucket"] == "Hungry"
    assert taught["halved_to"] == arm["halved_to"] == {"parallel_episodes": 32, "batch_size": 256}
    assert any(line.startswith("scratch arm: Hungry: with 32 parallel episodes and") for line in hungry.said)


def test_the_smallest_sizes_are_not_halved(hungry: Any) -> None:
    hungry.grow(FITS=0)
    with pytest.raises(OutOfMemoryError, match="memory ran out, with 1 parallel episodes and batches of 1"):
        hungry.trainer(SEQUENCE=("Hungry",), PARALLEL_EPISODES=1, BATCH_SIZE=1).train_bucket("Hungry")


def test_the_command_line_says_how_to_go_on(
    hungry: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hungry.grow(AT=1, FITS=0)
    monkeypatch.chdir(hungry.directory)
    code = main(["--bucket", "Hungry", "--episodes", "2", "--run-dir", "run", "-p", "no:console", "-p", "no:report"])
    assert code == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("progressive-training: error: Hungry: memory ran out again, with 32 parallel episodes")
    assert "go on from the last checkpoint with: progressive-training --resume --run-dir run" in last


@pytest.mark.parametrize("policy", ["stop", "disable", "warn"])
@pytest.mark.parametrize("hook", GREEDY)
def test_memory_that_runs_out_in_a_plugin_is_a_matter_of_memory(workshop: Any, hook: str, policy: str) -> None:
    workshop.install("greedy", plugins={"greedy": "greedy_plugin"}, greedy_plugin=GREEDY[hook])
    trainer = workshop.trainer(SEQUENCE=("First",), PLUGIN_ERRORS=policy)
    if hook == "on_bucket_start":
        trainer.train_bucket("First")
        assert state(workshop.directory / "run")["results"][0]["halved_to"]["batch_size"] == 256
        return
    with pytest.raises(OutOfMemoryError, match=r"again, .*greedy.*: on_episode_end .*MemoryError: no more"):
        trainer.train_bucket("First")


def test_memory_that_runs_out_in_a_cleanup_keeps_nobody_from_going_on(
    workshop: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    source = "from progressive_training import hookimpl\n\n@hookimpl\ndef cleanup():\n    raise MemoryError\n"
    workshop.install("greedy", plugins={"greedy": "greedy_plugin"}, greedy_plugin=source)
    workshop.trainer().train_progressively()
    assert "memory ran out in a plugin" in capfd.readouterr().err
    assert state(workshop.directory / "run")["status"] == "finished"


def test_odd_sizes_in_a_stranger_s_run_are_refused(workshop: Any) -> None:
    workshop.trainer().train_progressively()
    run = workshop.directory / "run"
    for file in (run / "state.json", run / "begun.json"):
        value = {**json.loads(file.read_text()), "halved_to": {"parallel_episodes": 0, "batch_size": 1}}
        value.pop("sha256")
        file.write_text(json.dumps(value))
    with pytest.raises(RunError, match="expected sizes of 1 or more"):
        workshop.trainer().resume()


def from_(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def circle() -> Exception:
    first, second = ValueError("x"), KeyError("y")
    first.__cause__, second.__cause__ = second, first
    return first


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            True,
        ),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (from_(PluginError("a plugin failed"), MemoryError()), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("shape mismatch"), False),
        (ConfigError("out of memory"), False),
        (circle(), False),
    ],
    ids=repr,
)
def test_which_errors_are_of_memory(error: Exception, short: bool) -> None:
    assert is_shortage(error) == short


def test_what_the_allocator_said_is_one_line() -> None:
    message = describe_shortage(
        from_(KeyError("x"), torch.OutOfMemoryError("CUDA out of memory.\nTried " + "much " * 200))
    )
    assert message.startswith("OutOfMemoryError: CUDA out of memory. Tried much")
    assert len(message) < 350 and "\n" not in message
