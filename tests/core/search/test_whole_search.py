"""A whole search over a function that stands in for training: any workers, and any kills, give the same trials."""

import hashlib
import json
import math
import random

import pytest

from progressive_studies.search import asking
from progressive_studies.search.asking import asked
from progressive_studies.search.choosing import best_of
from progressive_studies.search.journal import Journal
from progressive_studies.search.pruning import floors, lags
from progressive_studies.search.tried import Trial

TRIALS, BATCH, EPISODES = 10, 3, 10


class Killed(Exception):
    """The process ended here."""


class Search:
    """Batches of trials, as a search runs them, whose runs are files of scores. It is killed behind a number of `steps`."""

    def __init__(self, place, space, incumbent, workers=1, seed=0, steps=math.inf):
        self.place, self.space, self.incumbent = place, space, incumbent
        self.workers, self.order, self.steps = workers, random.Random(seed), steps

    def step(self, is_new=True):
        self.steps -= is_new
        if self.steps < 0:
            raise Killed

    def run(self):
        journal = Journal(self.place / "journal.log", "mine", self.space)
        there = {each.number: each.status for each in journal.begun()}
        tried = []
        while len(tried) < TRIALS:
            count = min(BATCH, TRIALS - len(tried))
            values = asked(self.space, tried, count, 0)
            if not tried:
                values = [self.incumbent, *values][:count]
            batch = dict(enumerate(journal.as_begun(len(tried), values), len(tried)))
            for number, each in batch.items():
                journal.begin(number, each)
                self.step(is_new=number not in there)
            limits = floors(tried)
            self.train(batch, limits)
            done = [self.trial(number, each, limits) for number, each in batch.items()]
            for each in done:
                journal.tell(each)
                self.step(is_new=there.get(each.number, "running") == "running")
            tried += done
        assert {each.status for each in journal.begun()} == {"finished", "pruned"}
        return tried

    def train(self, batch, limits):
        """Episode by episode, on as many trials at once as there are workers, in any order."""
        waiting, training = list(batch), []
        while waiting or training:
            while waiting and len(training) < self.workers:
                training.append(waiting.pop(self.order.randrange(len(waiting))))
            number = self.order.choice(training)
            trial = self.trial(number, batch[number], limits)
            if trial.episodes == EPISODES or trial.status == "pruned":
                training.remove(number)
                continue
            with self.file(number).open("a") as file:
                file.write(f"{score(batch[number], trial.episodes)}\n")
            self.step()

    def file(self, number):
        return self.place / f"trial-{number:02}"

    def trial(self, number, values, limits):
        """What came of a trial, from its file."""
        steps = [float(line) for line in self.file(number).read_text().split()] if self.file(number).exists() else []
        best = [max(steps[: place + 1]) for place in range(len(steps))]
        lagging = bool(best) and lags(limits, len(best), best[-1])
        return Trial(
            number=number,
            values=values,
            status="pruned" if lagging else "finished",
            score=best[-1] if best else math.nan,
            steps=tuple(best),
        )


def score(values, episode):
    noise = random.Random(json.dumps([values["RATE"], values["WIDTH"], episode])).gauss(0, 0.1)
    return noise - abs(math.log(values["RATE"] / 2e-3)) - math.exp(-episode / 3)


def digest(tried):
    return hashlib.sha256(repr(tried).encode() + repr([trial.steps for trial in tried]).encode()).hexdigest()


@pytest.fixture
def made(tmp_path, space, incumbent, monkeypatch):
    """A search of its own directory."""
    monkeypatch.setattr(asking, "AT_RANDOM", 3)

    def search(name, **how):
        (tmp_path / name).mkdir(exist_ok=True)
        return Search(tmp_path / name, space, incumbent, **how)

    return search


def test_any_number_of_workers_and_any_order_give_the_same_trials(made):
    one = made("one").run()
    assert {trial.status for trial in one} == {"finished", "pruned"} and best_of(one).number > 0
    assert all(trial.episodes >= 8 for trial in one)
    for seed in range(3):
        assert digest(made(f"four-{seed}", workers=4, seed=seed).run()) == digest(one)


def test_a_search_that_is_killed_behind_every_step_comes_to_the_same_trials(made):
    whole, kills = digest(made("whole").run()), 0
    while True:
        killed = made("killed", workers=2, seed=kills, steps=0)
        try:
            assert digest(killed.run()) == whole
            break
        except Killed:
            kills += 1
            with (killed.place / "journal.log").open("ab") as journal:
                journal.write(b'{"op_code": 6, "worker')  # the line that it was writing
    assert kills > 90


def test_a_journal_that_was_lost_is_written_anew(made):
    whole = digest(made("whole").run())
    for _ in range(3):
        killed = made("lost", steps=25)
        with pytest.raises(Killed):
            killed.run()
        (killed.place / "journal.log").unlink()
    assert digest(made("lost").run()) == whole
