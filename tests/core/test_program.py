"""How the process of one command line ends: as Python ends one, but for taking its objects apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, sys, threading
from progressive_front.cli import program

class Apart:
    def __del__(self):
        print("taken apart", flush=True)

def last():
    threading.main_thread().join()
    print("thread")

kept, left = Apart(), open("left.txt", "w")
left.write("left open")
atexit.register(lambda: print("handler"))
threading.Thread(target=last).start()
sys.exit(program())
"""


def test_threads_handlers_and_open_files_are_done_with_and_the_code_is_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "--nonsense"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "thread\nhandler\n")
    assert "--nonsense" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "left.txt").read_text() == "left open"


def test_a_process_of_another_program_is_left_to_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cProfile", "-o", "profile.out", "-m", "progressive_training", "--nonsense"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "--nonsense" in done.stderr and (tmp_path / "profile.out").stat().st_size


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device is Linux's")
def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", "from progressive_front.cli import program; program()", "--help"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, env=buffered, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    shown = "progressive-training: error: the output cannot be written (No space left on device)\n"
    assert (done.returncode, done.stderr) == (2, shown)
