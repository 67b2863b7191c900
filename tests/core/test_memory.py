"""Memory: what is counted for this process and for GPUs, under container limits and with drivers that lie."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from progressive_app.machine.cgroup import memory_limit
from progressive_app.machine.memory import (
    _warn_once,
    gc_frozen,
    gpu_memory,
    process_memory,
    read_memory,
    release_memory,
)
from progressive_core.contract.machine import Memory

GIB = 1 << 30
V2 = "31 23 0:28 {shown} /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
V1 = "35 31 0:32 {shown} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Path]:
    """A root directory with the /proc and /sys files that are given."""

    def build(cgroup: str, mounts: str, **limits: str) -> Path:
        files = {"proc/self/cgroup": cgroup, "proc/self/mountinfo": mounts}
        files |= {f"sys/fs/cgroup/{path.replace('__', '/')}": text for path, text in limits.items()}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return build


def limit_file(folder: str, text: str, version: int = 2) -> dict[str, str]:
    name = "memory.max" if version == 2 else "memory.limit_in_bytes"
    return {f"{folder}/{name}".lstrip("/"): text}


def test_the_limit_of_the_own_group_counts(machine: Callable[..., Path]) -> None:
    root = machine("0::/job/42\n", V2.format(shown="/"), **limit_file("job/42", f"{4 * GIB}\n"))
    assert memory_limit(root) == 4 * GIB


def test_a_tighter_parent_binds_its_children(machine: Callable[..., Path]) -> None:
    limits = limit_file("job/42", "max\n") | limit_file("job", f"{2 * GIB}\n") | limit_file("", f"{8 * GIB}\n")
    assert memory_limit(machine("0::/job/42\n", V2.format(shown="/"), **limits)) == 2 * GIB


def test_a_container_that_sees_only_its_own_group(machine: Callable[..., Path]) -> None:
    root = machine("0::/docker/abc\n", V2.format(shown="/docker/abc"), **limit_file("", f"{3 * GIB}\n"))
    assert memory_limit(root) == 3 * GIB


def test_a_process_moved_out_of_its_namespace_takes_the_mount_s_limit(machine: Callable[..., Path]) -> None:
    root = machine("0::/../other\n", V2.format(shown="/"), **limit_file("", f"{3 * GIB}\n"))
    assert memory_limit(root) == 3 * GIB


def test_version_1_and_both_at_once(machine: Callable[..., Path]) -> None:
    limits = limit_file("memory/job", f"{5 * GIB}\n", version=1)
    root = machine("4:cpu,memory:/job\n0::/\n", V1.format(shown="/") + V2.format(shown="/"), **limits)
    assert memory_limit(root) == 5 * GIB


def test_of_nested_groups_the_tightest_counts_whatever_the_others_hold(machine: Callable[..., Path]) -> None:
    limits = (
        limit_file("a/b/c", "max\n")
        | limit_file("a/b", "\0\1 nonsense")
        | limit_file("a", f"{3 * GIB}\n")
        | limit_file("", f"{6 * GIB}\n")
    )
    assert memory_limit(machine("0::/a/b/c\n", V2.format(shown="/"), **limits)) == 3 * GIB


@given(*(st.one_of(st.text(), st.from_regex(r"[0-9]{0,30}(:[a-z]*:/[a-z./]*\n)?")) for _ in range(3)))
def test_whatever_the_files_of_the_groups_hold_there_is_a_limit_or_none(group: str, mounts: str, limit: str) -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        (root / "proc/self").mkdir(parents=True)
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text(f"0::/\n{group}", "utf-8", "surrogatepass")
        (root / "proc/self/mountinfo").write_text(V2.format(shown="/") + mounts, "utf-8", "surrogatepass")
        (root / "sys/fs/cgroup/memory.max").write_text(limit, "utf-8", "surrogatepass")
        found = memory_limit(root)
    assert found is None or found > 0


@pytest.mark.parametrize("text", ["max\n", "0\n", "nonsense", "", "-1\n", "9" * 5000, "٣", "1e9", "4 GiB"])
def test_no_limit(machine: Callable[..., Path], text: str) -> None:
    root = machine("0::/job\n", V2.format(shown="/"), **limit_file("job", text))
    assert memory_limit(root) is None
    read = process_memory(root)
    assert read == Memory(read.used, psutil.virtual_memory().total, "rss")


def test_a_machine_without_proc_has_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None


def test_the_unlimited_number_of_version_1_means_the_machine_s_memory(machine: Callable[..., Path]) -> None:
    limits = limit_file("memory", "9223372036854771712\n", version=1)
    memory = process_memory(machine("4:memory:/\n", V1.format(shown="/"), **limits))
    assert (memory.total, memory.source) == (psutil.virtual_memory().total, "rss")


def test_a_cpu_run_is_told_its_use_against_the_container(machine: Callable[..., Path]) -> None:
    root = machine("0::/\n", V2.format(shown="/"), **limit_file("", f"{64 << 20}\n"))
    before = read_memory("cpu", root=root)
    with mmap(-1, 32 << 20) as ballast:  # of its own: the heap may have freed blocks to spare
        ballast.write(bytes(len(ballast)))
        after = read_memory("cpu", root=root)
    assert (after.total, after.source) == (64 << 20, "cgroup")
    assert after.used - before.used > 16 << 20


def cuda(free: int, total: int, reserved: int = 0, allocated: int = 0) -> Any:
    return SimpleNamespace(
        mem_get_info=lambda index: (free, total),
        memory_reserved=lambda index: reserved,
        memory_allocated=lambda index: allocated,
    )


class NVMLError(Exception):
    pass


class FakeNvml:
    """The functions of pynvml that are used, for one GPU and one slice of it."""

    NVMLError = NVMLError

    def __init__(self, used: Any = 0, total: Any = 80 * GIB, fails: Exception | None = None) -> None:
        self.used, self.total, self.fails = used, total, fails
        self.asked: list[Any] = []
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self.asked.append(index)
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:
        self.asked.append(name)
        return name

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        if self.fails:
            raise self.fails
        return SimpleNamespace(used=self.used, total=self.total)


def test_torch_counts_what_all_processes_hold_but_not_its_own_cache() -> None:
    memory = gpu_memory(0, cuda(free=50 * GIB, total=80 * GIB, reserved=20 * GIB, allocated=5 * GIB), None)
    assert memory == Memory(15 * GIB, 80 * GIB, "torch")


def test_nvml_adds_what_others_hold_and_torch_does_not_see() -> None:
    memory = gpu_memory(0, cuda(free=78 * GIB, total=80 * GIB), FakeNvml(used=30 * GIB, total=81 * GIB))
    assert memory == Memory(30 * GIB, 80 * GIB, "nvml")


def test_inside_a_slice_the_whole_gpu_s_numbers_are_not_taken() -> None:
    memory = gpu_memory(0, cuda(free=9 * GIB, total=10 * GIB), FakeNvml(used=60 * GIB, total=80 * GIB))
    assert memory == Memory(1 * GIB, 10 * GIB, "torch")


def test_before_torch_is_loaded_nvml_answers_alone() -> None:
    nvml = FakeNvml(used=GIB)
    assert gpu_memory(0, None, nvml) == Memory(GIB, 80 * GIB, "nvml")
    assert nvml.open == 0


@pytest.mark.parametrize(("visible", "asked"), [("", 1), ("3,5", 5), ("GPU-aa,MIG-bb", "MIG-bb"), ("7", 1)], ids=str)
def test_nvml_is_asked_for_the_device_that_cuda_means(
    monkeypatch: pytest.MonkeyPatch, visible: str, asked: int | str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = FakeNvml()
    gpu_memory(1, None, nvml)
    assert nvml.asked == [asked]


@pytest.mark.parametrize(
    "nvml",
    [
        FakeNvml(used=81 * GIB),
        FakeNvml(used=-1),
        FakeNvml(total=0),
        FakeNvml(used="n/a"),
        FakeNvml(used="5"),
        FakeNvml(used=None),
        FakeNvml(used=1.5),
        FakeNvml(used=5, total=2**64 - 1),
        FakeNvml(used=2**80, total=2**90),
        FakeNvml(fails=NVMLError("Insufficient Permissions")),
        FakeNvml(fails=OSError("libnvidia-ml.so.1")),
        FakeNvml(fails=RuntimeError("the driver was replaced")),
        FakeNvml(fails=OverflowError("too large for a C long")),
        SimpleNamespace(NVMLError=NVMLError),
        SimpleNamespace(),
    ],
    ids=[
        "used over total",
        "negative",
        "no total",
        "text",
        "a number as text",
        "nothing",
        "half a byte",
        "unknown",
        "huge",
        "refused",
        "no library",
        "replaced",
        "overflow",
        "too old",
        "another package",
    ],
)
def test_nonsense_and_errors_of_nvml_are_no_answer(nvml: Any) -> None:
    assert gpu_memory(0, None, nvml) is None
    assert gpu_memory(0, cuda(free=GIB, total=4 * GIB), nvml) == Memory(3 * GIB, 4 * GIB, "torch")


class Divided(FakeNvml):
    """A GPU of 80 GiB that is divided: `used` and `total` are those of its first slice."""

    def nvmlDeviceGetMigMode(self, handle: Any) -> tuple[int, int]:
        return 1, 1

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> str:
        return f"slice {index} of {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        own = isinstance(handle, str)
        return SimpleNamespace(used=self.used if own else 60 * GIB, total=self.total if own else 80 * GIB)


@pytest.mark.parametrize("visible", ["", "0", "MIG-4a"])
def test_of_a_divided_gpu_the_slice_counts_that_cuda_shows(monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_memory(0, None, Divided(used=2 * GIB, total=10 * GIB)) == Memory(2 * GIB, 10 * GIB, "nvml")


def test_a_shutdown_that_fails_does_not_take_the_answer_back() -> None:
    nvml = FakeNvml(used=GIB)
    nvml.nvmlShutdown = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    assert gpu_memory(0, None, nvml) == Memory(GIB, 80 * GIB, "nvml")


class FailsLater(FakeNvml):
    """It answers once."""

    def nvmlInit(self) -> None:
        super().nvmlInit()
        self.fails = NVMLError("GPU is lost") if self.asked else None


class FailsAtOnce(FakeNvml):
    def nvmlInit(self) -> None:
        raise NVMLError("Driver Not Loaded")


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch is there, and has no GPU to tell of, whatever this machine has."""
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=None))
    _warn_once.cache_clear()


@pytest.mark.usefixtures("without_cuda")
@pytest.mark.parametrize(
    "nvml",
    [None, FailsAtOnce(), FailsLater(used=GIB), FakeNvml(used=-1), FakeNvml(fails=NVMLError("Unknown Error"))],
    ids=["absent", "fails at once", "fails later", "nonsense", "refuses"],
)
def test_where_nvml_is_no_help_the_process_counts_and_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml | None
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with capture_logs() as logs:
        read = [read_memory("cuda:0") for _ in range(4)]
    assert [memory.source for memory in read[1:]] == [process_memory().source] * 3
    assert all(memory.total == process_memory().total for memory in read[1:])
    assert read[0].source == ("nvml" if isinstance(nvml, FailsLater) else process_memory().source)
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == [
        "the memory of the GPU cannot be read: counting this process's memory instead"
    ]


@pytest.mark.usefixtures("without_cuda")
def test_a_package_of_that_name_that_cannot_be_imported_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pynvml.py").write_text("raise RuntimeError('no driver')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    with capture_logs():
        assert read_memory("cuda:0").source == process_memory().source


@pytest.mark.parametrize("error", [RuntimeError("no driver"), AssertionError("not compiled with CUDA")])
def test_torch_that_cannot_tell_leaves_it_to_nvml(error: Exception) -> None:
    def refuse(index: int) -> tuple[int, int]:
        raise error

    broken = SimpleNamespace(mem_get_info=refuse)
    assert gpu_memory(0, broken, FakeNvml(used=GIB)) == Memory(GIB, 80 * GIB, "nvml")
    assert gpu_memory(0, broken, None) is None


@pytest.mark.skipif(
    gpu_memory(0, None, __import__("pynvml")) is not None, reason="this machine has a GPU, so it is not absent"
)
def test_without_a_gpu_the_process_is_counted_and_it_is_said_once() -> None:
    program = (
        "from progressive_app.machine.memory import read_memory, release_memory\n"
        "import structlog, sys\n"
        "structlog.configure()\n"
        "print(read_memory('cuda:0').source in ('rss', 'cgroup'), read_memory('cuda:0').used > 0)\n"
        "release_memory(); print('torch' in sys.modules)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.count("the memory of the GPU cannot be read") == 1
    assert told.splitlines()[-2:] == ["True True", "False"]


def test_memory_is_given_back_to_the_system() -> None:
    ballast = [bytearray(40_000) for _ in range(3_000)]
    ballast.append(ballast)  # type: ignore[arg-type]  # a cycle, that only the collector frees
    held = process_memory().used
    del ballast
    release_memory()
    assert held - process_memory().used > 60_000_000


def test_of_runs_in_several_threads_the_last_one_lets_the_collector_look_at_everything_again() -> None:
    assert gc.get_freeze_count() == 0
    first, second = gc_frozen(), gc_frozen()
    with first:
        second.__enter__()
    assert gc.get_freeze_count() > 0
    second.__exit__(None, None, None)
    assert gc.get_freeze_count() == 0


class Cycle:
    """Something that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_run_leaves_behind_does_not_outlive_the_runs_after_it() -> None:
    with gc_frozen():
        left = weakref.ref(Cycle())
        assert left() is not None
    assert left() is None
