"""A script that trains isolated buckets without a main guard is named in one line, and begins nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from progressive_training import ProgressiveTrainer

settings = {"EPISODES": 1, "UPDATES_PER_EPISODE": 1, "SYNTHETIC_BARS": 2000, "HORIZON_RANGE": [1, 12],
            "SEQUENCE": ["Scalping"], "PLUGINS": ["no:report"], "DEVICE": sys.argv[1]}


def train():
    trainer = ProgressiveTrainer(settings=settings, run_dir="run")
    try:
        trainer.train_progressively(isolate=True)
    except Exception as error:
        print(type(error).__name__, error)


"""
GUARD = 'if __name__ == "__main__":'


def ran(directory: Path, last: str, device: str = "cpu") -> subprocess.CompletedProcess[str]:
    script = directory / "script.py"
    script.write_text(SCRIPT + last)
    command = [sys.executable, str(script), device]
    return subprocess.run(command, capture_output=True, text=True, cwd=directory, check=True, timeout=120)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_it_is_named_with_the_guard_that_it_lacks(tmp_path: Path, device: str) -> None:
    done = ran(tmp_path, "train()\n", device)
    (line,) = done.stdout.splitlines()
    assert line.startswith("ConfigError ") and "script.py: " in line and "isolate=True" in line and GUARD in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_study_and_a_search_without_workers_need_none(tmp_path: Path) -> None:
    plans = (
        "from progressive_training import Search, Study\n"
        "print(Study('study', settings=settings))\n"
        "print(Search('search', bucket='Scalping', settings={**settings, 'SYNTHETIC_BARS': 3000}))\n"
    )
    done = ran(tmp_path, plans, "auto")
    assert done.stdout == "<Study: 1 runs in study>\n<Search: 30 trials of Scalping in search>\n"
    assert done.stderr == ""


def test_one_with_the_guard_trains(tmp_path: Path) -> None:
    done = ran(tmp_path, f"{GUARD}\n    train()\n")
    assert done.stdout == "" and (tmp_path / "run/models/Scalping/model.safetensors").is_file()


def test_training_in_a_process_that_another_program_spawns_is_refused_there(tmp_path: Path) -> None:
    pool = (
        "import multiprocessing\n"
        "trainer = ProgressiveTrainer(settings=settings, run_dir=f'run-{multiprocessing.current_process().name}')\n"
        "try:\n"
        "    trainer.train_progressively()\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, flush=True)\n"
        f"{GUARD}\n"
        "    process = multiprocessing.get_context('spawn').Process(target=print, name='theirs')\n"
        "    process.start(); process.join()\n"
    )
    done = ran(tmp_path, pool)
    assert GUARD in done.stdout and done.stdout.startswith("ConfigError ")
    assert (tmp_path / "run-MainProcess").is_dir() and not (tmp_path / "run-theirs").exists()
