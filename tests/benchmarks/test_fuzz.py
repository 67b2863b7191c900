"""The fuzzer keeps what it promises on a few inputs of every target, and sees when a promise is broken."""

import subprocess
import sys
from pathlib import Path

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"
BROKEN = """
import sys
from pathlib import Path
sys.path.insert(0, {stress!r})
from fuzz_watch import Tally, Watch
from progressive_training import ConfigError

def refuse(text):
    raise ConfigError(text)

def leave(_):
    (watch.inside / "x.partial").write_text("half")

watch = Watch(Path({scratch!r}))
precious = watch.outside / "precious"
tally = Tally("any", "any")
for feed, value in (
    (refuse, "a.json: no"), (refuse, "no place"), (refuse, "a.json: two\\nlines"), (refuse, "a.json" * 999),
    (int, "x"), (lambda _: precious.write_text("other"), 0), (lambda _: precious.rename(watch.inside / "y"), 0),
    (leave, 0), (lambda _: (watch.inside / "z").write_text("fine"), 0),
):
    watch.feed(tally, value, feed, r"a\\.json")
print(tally.tried, tally.refused, tally.accepted)
print("\\n".join(tally.findings))
"""


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: the fuzzer listens to every file that is opened, and limits memory."""
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=300)


def test_a_few_inputs_of_every_target(tmp_path: Path) -> None:
    done = run(str(STRESS / "fuzz.py"), "--count", "12")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[:28].strip(): line[28:].split() for line in done.stdout.splitlines()[1:] if "hypothesis" in line}
    assert len(rows) == 13
    assert all((row[1], row[4]) == ("12", "0") for row in rows.values())


def test_what_breaks_a_promise_is_found(tmp_path: Path) -> None:
    done = run("-c", BROKEN.format(stress=str(STRESS), scratch=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    counts, *found = done.stdout.splitlines()
    assert counts == "9 2 4", "of two lines an error makes one by itself"
    kinds = (
        "names no place",
        "letters",
        "ValueError",
        "wrote outside",
        "changed what lies outside",
        "left x",
    )
    assert all(any(kind in line for line in found) for kind in kinds), found
