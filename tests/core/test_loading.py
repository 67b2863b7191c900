"""What a program start does once: the garbage collector rests while libraries load, packages are read again where one came."""

import gc
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from progressive_app.discovery.entry_points import discover
from progressive_app.machine.loading import load
from progressive_app.machine.memory import gc_frozen

LIBRARY = "objects = [[number] for number in range(100_000)]\n"


def test_no_garbage_is_collected_while_a_library_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_large_library.py").write_text(LIBRARY)
    (tmp_path / "a_broken_library.py").write_text(LIBRARY + "raise ImportError('damaged')")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[str] = []
    note = lambda phase, _: seen.append(phase)  # noqa: E731
    gc.callbacks.append(note)
    try:
        assert len(load("a_large_library").objects) == 100_000
        with pytest.raises(ImportError, match="damaged"):
            load("a_broken_library")
    finally:
        gc.callbacks.remove(note)
    assert gc.isenabled() and len(seen) < 20  # those before and after; the lists alone would make 280


def test_the_collector_of_an_application_stays_off(tmp_path: Path) -> None:
    gc.disable()
    try:
        load("json")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_in_a_run_collections_skip_the_objects_of_a_library_that_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = "import sys, types\nsys.modules.update({f'parts{n}': types.ModuleType('part') for n in range(200)})\n"
    (tmp_path / "a_library_of_parts.py").write_text(parts + LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    with gc_frozen():
        before = gc.get_freeze_count()
        load("json")
        assert gc.get_freeze_count() == before
        load("a_library_of_parts")
        assert gc.get_freeze_count() >= before + 100_000
    assert gc.get_freeze_count() == 0


def test_a_bucket_loads_torch_without_collecting_garbage(tmp_path: Path) -> None:
    program = """
import gc, sys
from pathlib import Path
from progressive_buckets.medium import bucket
from progressive_training import Resources, resolve
from progressive_core.engine.run import bucket_info

resources = Resources(device="cpu", parallel_episodes=8, batch_size=64)
info = bucket_info(resolve(), bucket, ("Medium",), Path())
seen = []
gc.callbacks.append(lambda phase, _: seen.append(phase))
assert "torch" not in sys.modules
bucket.memory_needed(info, resources)
assert "torch" in sys.modules and "pandas" in sys.modules
assert gc.isenabled() and len(seen) < 100, len(seen)  # without a rest some 1,600
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_packages_are_read_again_only_where_one_came(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    discover()
    reads: list[object] = []
    read = importlib.metadata.entry_points
    monkeypatch.setattr("progressive_app.discovery.entry_points.entry_points", lambda: reads.append(1) or read())
    before, _ = discover()
    before.clear()  # what a caller makes of it is his
    assert discover()[0] and not reads
    install("acme", plugins={"watch": "acme_watch"}, acme_watch="")
    assert "watch" in [record.name for record, _ in discover()[0]] and len(reads) == 1
