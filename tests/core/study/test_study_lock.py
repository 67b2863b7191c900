"""A study is trained by one process at a time, also by the ones that wait for it to end."""

import os
import time
from pathlib import Path

import pytest

from progressive_app.engines.here import Here
from progressive_app.locks.lock import LOCK, RunLock, lock_run
from progressive_core.contract.errors import RunError
from progressive_front.study.opened_study import StudyKind, study_to_resume
from progressive_front.study.study_running import begin_study, run_study
from progressive_studies.study.study_plan import PlannedRun, StudyPlan

PLAN_OF_ONE = StudyPlan(kind="study", runs=(PlannedRun(name="one", settings={}),))


def test_the_lock_of_whoever_comes_next_outlives_the_end_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, plan = tmp_path / "study", StudyPlan(kind="study", runs=())
    begin_study(study, plan)
    release, following = RunLock.release, list[RunLock]()

    def release_to_the_next(lock: RunLock) -> None:
        release(lock)
        if not following:
            following.append(lock_run(study))  # one that waited is there at once

    monkeypatch.setattr(RunLock, "release", release_to_the_next)
    run_study(study, plan, Here(), on_event=print)

    assert (study / LOCK).exists()
    with pytest.raises(RunError, match="is at work on this study"):
        run_study(study, plan, Here(), on_event=print)
    release(following[0])


def test_of_studies_the_one_begun_last_is_the_newest_though_the_clock_was_set_back(tmp_path: Path) -> None:
    begin_study(tmp_path / "one", PLAN_OF_ONE)
    ahead = time.time() + 86_400
    os.utime(tmp_path / "one/plan.json", (ahead, ahead))
    begin_study(tmp_path / "two", PLAN_OF_ONE)
    assert study_to_resume(None, StudyKind(name="study", place=tmp_path)) == tmp_path / "two"
