"""How many tasks run at once, and which GPU each sees, on machines that are not this one."""

from types import SimpleNamespace

import pytest

from progressive_app.engines import slots
from progressive_app.engines.slots import environment_of, slots_for
from progressive_app.engines.task import Task
from progressive_core.contract.machine import Memory

GIB = 1 << 30


class Driver:
    """NVML of a machine whose GPUs are named by letters; `sliced` ones are divided in two."""

    def __init__(self, names: str, sliced: str = "") -> None:
        self.names, self.sliced = names, sliced

    def nvmlInit(self):
        pass

    nvmlShutdown = nvmlInit

    def nvmlDeviceGetCount(self):
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.names[index]

    def nvmlDeviceGetMigMode(self, device):
        return [int(device in self.sliced), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, device):
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device, index):
        return f"{device}{range(2)[index]}"

    def nvmlDeviceGetUUID(self, device):
        return f"GPU-{device}"

    def nvmlDeviceGetMemoryInfo(self, device):
        return SimpleNamespace(total=16 * GIB // len(device))


@pytest.fixture
def machine(monkeypatch):
    def machine(driver=None, visible=None):
        slots._gpus.cache_clear()
        monkeypatch.setattr(slots, "nvml", lambda: driver)
        monkeypatch.setattr(slots, "process_memory", lambda: Memory(0, 8 * GIB, "rss"))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    yield machine
    slots._gpus.cache_clear()


def tasks(needed, device="cpu"):
    return [Task(name=str(size), function=len, memory_needed=size, device=device) for size in (1, needed)]


def test_as_many_run_at_once_as_the_largest_fits_into_memory(machine, capfd) -> None:
    machine()
    assert slots_for(tasks(GIB), 4) == 4
    assert slots_for(tasks(3 * GIB), 4) == 2
    assert slots_for(tasks(30 * GIB), 4) == 1
    assert slots_for(tasks(30 * GIB, "cuda"), 4) == 4  # of no GPU anything is known
    machine(Driver("ab"))
    assert slots_for(tasks(6 * GIB, "cuda"), 8) == 4


@pytest.mark.parametrize(
    ("driver", "visible", "seen"),
    [
        (None, None, [None, None]),
        (Driver("a"), None, [None, None]),
        (Driver("ab"), None, ["GPU-a", "GPU-b", "GPU-a"]),
        (Driver("ab", sliced="b"), None, ["GPU-a", "GPU-b0", "GPU-b1", "GPU-a"]),
        (Driver("abc"), "2, 0", ["2", "0", "2"]),
        (Driver("abc"), "", [None]),
    ],
)
def test_each_slot_sees_one_gpu_or_slice(machine, driver, visible, seen) -> None:
    machine(driver, visible)
    assert [environment_of(slot).get("CUDA_VISIBLE_DEVICES") for slot in range(len(seen))] == seen
