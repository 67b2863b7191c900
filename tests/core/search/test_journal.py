"""The journal of a search: what it holds, and how it is come back to."""

import json
import math
import os
import re
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from progressive_app.locks.file_lock import FileLock
from progressive_core.contract.errors import RunError, WriteError
from progressive_studies.search import journal as module
from progressive_studies.search.journal import Journal


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mine" / "journal.log"


@pytest.fixture
def journal(file, space, incumbent, trial):
    """Trial 0 is finished, trial 1 is pruned, trial 2 runs."""
    made = Journal(file, "mine", space)
    others = [incumbent | {"WIDTH": width} for width in (20, 40)]
    for number, values in enumerate([incumbent, *others]):
        made.begin(number, values, [f"trial-0{number}"])
    made.tell(trial(0, incumbent, 0.5))
    made.tell(trial(1, others[0], -math.inf, "pruned", (0.1, math.nan)))
    return made


def as_others_see(file, name="mine"):
    """The trials as optuna-dashboard, or any program with Optuna, reads them."""
    return optuna.load_study(study_name=name, storage=JournalStorage(JournalFileBackend(str(file)))).trials


def test_another_program_sees_values_scores_steps_and_runs_while_trials_run(journal, file):
    first, second, third = as_others_see(file)
    assert first.params == {"RATE": 1e-3, "WIDTH": 32, "FAST": "false", "SPANS": "null"}
    assert (first.state, first.value, first.intermediate_values) == (TrialState.COMPLETE, 0.5, {1: 0.25, 2: 0.5})
    assert (second.state, second.intermediate_values) == (TrialState.PRUNED, {1: 0.1, 2: -math.inf})
    assert third.state == TrialState.RUNNING
    assert [each.user_attrs for each in (first, second)] == [
        {"incumbent": True, "runs": ["trial-00"]},
        {"incumbent": False, "runs": ["trial-01"]},
    ]


def test_a_search_that_goes_on_finds_its_trials(journal, file, space, incumbent):
    again = Journal(file, "mine", space).begun()
    assert [(each.number, each.status) for each in again] == [(0, "finished"), (1, "pruned"), (2, "running")]
    assert again[2].values == incumbent | {"WIDTH": 40} and type(again[2].values["WIDTH"]) is int
    assert Journal(file, "mine", space).as_begun(2, [incumbent, incumbent]) == [again[2].values, incumbent]


def test_to_begin_and_to_tell_again_changes_nothing(journal, file, space, incumbent, trial):
    before = file.read_bytes()
    again = Journal(file, "mine", space)
    again.begin(2, incumbent | {"WIDTH": 40})
    again.tell(trial(0, incumbent, 0.9))
    assert file.read_bytes() == before


def test_nothing_stays_running_where_a_search_is_left_and_all_runs_again_behind(journal, file, space, incumbent, trial):
    journal.leave()
    assert [each.state for each in as_others_see(file)] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING]
    again = Journal(file, "mine", space)
    assert again.begun()[2].status == "running"
    again.begin(2, incumbent | {"WIDTH": 40})
    assert as_others_see(file)[2].state == TrialState.RUNNING
    again.tell(trial(2, incumbent | {"WIDTH": 40}, 0.7))
    assert as_others_see(file)[2].value == 0.7


def test_values_outside_the_space_are_left_out(file, space, incumbent):
    Journal(file, "mine", space).begin(0, incumbent | {"RATE": 0.5})
    assert set(as_others_see(file)[0].params) == {"WIDTH", "FAST", "SPANS"}
    assert Journal(file, "mine", space).begun()[0].values == {key: incumbent[key] for key in ("WIDTH", "FAST", "SPANS")}


def test_several_studies_share_a_file(journal, file, space, incumbent):
    Journal(file, "yours", {"FAST": space["FAST"]}).begin(0, incumbent)
    assert len(as_others_see(file)) == 3 and as_others_see(file, "yours")[0].params == {"FAST": "false"}


def test_a_line_that_a_kill_cut_short_never_came_to_be(journal, file, space, incumbent):
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole) - len(lines[-1]), len(whole), 7):
        file.write_bytes(whole[:cut])
        again = Journal(file, "mine", space)
        again.begin(3, incumbent)
        assert len(as_others_see(file)) == 4


def test_a_lock_that_a_killed_process_left_is_not_waited_for(journal, file, space, monkeypatch):
    monkeypatch.chdir(file.parent.parent)
    Path("mine/journal.log.lock").symlink_to("mine/journal.log")  # as Optuna makes it
    assert len(Journal(Path("mine") / "journal.log", "mine", space).begun()) == 3


def test_a_journal_that_another_process_writes_all_the_time_is_given_up(journal, file, space, incumbent, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    lock = FileLock(file)
    lock.acquire(1)
    with pytest.raises(
        WriteError, match=r"journal\.log: the journal of the search cannot be written \(.*another one has the lock"
    ):
        journal.begin(3, incumbent)
    lock.release()


@pytest.mark.parametrize(
    "damage",
    ["no journal\n{}\n", "[1]\n", '{"op_code": 99}\n', '{"op_code": 4}\n', "\xff\xfe\n\n", "[" * 9_999 + "\n\n"],
)
def test_a_damaged_file_is_told_in_one_line(file, space, damage):
    file.parent.mkdir()
    file.write_text(damage, "latin-1")
    with pytest.raises(
        RunError, match="not a journal of a search, or damaged .*: move it away, and the search writes it anew"
    ) as refused:
        Journal(file, "mine", space)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"PAR1\0\n\0PAR1", b"a,b\n1,2", b'{"EPISODES": 2}'])
def test_a_file_of_another_program_is_left_as_it_is(file, space, content):
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(RunError, match="not a journal of a search"):
        Journal(file, "mine", space)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("key", "value"), [("WIDTH", 999.0), ("RATE", -1.0), ("FAST", 7), ("SPANS", "x"), ("RATE", math.nan), ("WIDTH", 1e400)]
)  # fmt: skip
def test_values_that_the_space_has_not_are_never_taken_from_the_file(journal, file, space, key, value):
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    next(line for line in lines if line["op_code"] == 4)["params"][key] = value
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(RunError, match="damaged"):
        Journal(file, "mine", space).begun()


def test_another_search_of_the_same_name_is_told_apart(journal, file, space, incumbent):
    with pytest.raises(RunError, match=re.escape('its study "mine" varies')):
        Journal(file, "mine", {"FAST": space["FAST"]})
    with pytest.raises(RunError, match="trial 2 is .*, expected .*: move the file away"):
        journal.begin(2, incumbent)
    with pytest.raises(RunError, match="trial 4 is .*none, and 3 before it"):
        journal.begin(4, incumbent)


def test_what_is_no_file_is_not_waited_for(tmp_path, space):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "pipe" / "journal.log"):
        with pytest.raises(WriteError, match="the journal of the search cannot be written"):
            Journal(place, "mine", space)


def test_a_study_that_the_dashboard_deletes_ends_the_search_in_one_line(journal, file, incumbent):
    optuna.delete_study(study_name="mine", storage=JournalStorage(JournalFileBackend(str(file))))
    with pytest.raises(RunError, match="damaged .*: move it away"):
        journal.begin(3, incumbent)
