"""The benchmark of what transfers take, and the stress program of what another worker takes: small runs of both end."""

import os
from importlib import import_module
from pathlib import Path

import pytest


def test_a_run_is_accounted_for_and_two_of_them_leave_the_same(tmp_path: Path) -> None:
    opening = import_module("opening")
    one, other = (opening.run_here(opening.SMALL, tmp_path / name) for name in ("one", "other"))
    assert 0 < one.transfers < one.buckets < one.run
    assert one.share == one.transfers / one.buckets
    assert one.files == other.files and {"ledger.jsonl", "metrics.jsonl"} < one.files.keys()


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="only Linux says what a process shares")
def test_what_a_process_holds_is_told(tmp_path: Path) -> None:
    memory = import_module("stress.shared_memory")
    held = memory.held_by(os.getpid())
    assert 0 < held.private <= held.pss <= held.rss
    memory.write_bars(tmp_path / "bars.parquet", 1_000)
    assert (tmp_path / "bars.parquet").is_file()
