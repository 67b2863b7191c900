"""The second engine: bytes led by coverage (atheris, which is libFuzzer), in a process of its own, since it never returns.

python benchmarks/stress/fuzz_coverage.py TARGET COUNT SEED ANSWER       # what fuzz.py --engine atheris starts
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
from fuzz_watch import MOST_SECONDS, Tally

PACKAGES = ["progressive_market.bars", "progressive_buckets.card", "progressive_core", "progressive_app"]
MOST_LETTERS = 20_000


def by_coverage(name: str, count: int, number: int) -> Tally:
    """Feed the target called `name` `count` inputs, and say what became of them; a crash of the process is `other`."""
    with TemporaryDirectory(prefix="fuzz-answer-") as folder:
        answer = Path(folder) / "answer.json"
        words = [sys.executable, __file__, name, str(count), str(number), str(answer)]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603  (this file)
        if answer.is_file() and (told := json.loads(answer.read_text()))["tried"] >= count:
            return Tally(**told)
        died = {f"the process died with status {done.returncode}": ("", done.stderr[-2000:])}
        told = json.loads(answer.read_text()) if answer.is_file() else {"target": name, "engine": "atheris"}
        return Tally(**{**told, "other": told.get("other", 0) + 1, "findings": died})


def _fuzz(name: str, count: int, number: int, answer: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=PACKAGES):
        from fuzz import prepared, targets_of
    with TemporaryDirectory(prefix="fuzz-") as scratch:
        watch = prepared(Path(scratch))
        (target,) = (each for each in targets_of(watch, name) if each.name == name)
        corpus = Path(scratch) / "corpus"
        corpus.mkdir()
        for position, content in enumerate(target.seeds):
            (corpus / f"seed{position}").write_bytes(content)
        tally = Tally(name, "atheris")

        def fed(content: bytes) -> None:
            if tally.tried < count:
                watch.feed(tally, content, target.feed, target.place)
            if tally.tried in (count, *range(0, count, 200)):
                _write(tally, answer)

        limits = [
            f"-runs={count}",
            f"-seed={number + 1}",
            f"-max_len={MOST_LETTERS}",
            f"-timeout={int(2 * MOST_SECONDS)}",
        ]
        atheris.Setup([sys.argv[0], *limits, "-rss_limit_mb=0", "-verbosity=0", str(corpus)], fed)
        atheris.Fuzz()


def _write(tally: Tally, answer: Path) -> None:
    told: dict[str, Any] = attrs.asdict(tally)
    told["slow_input"] = repr(told["slow_input"])[:300]
    told["findings"] = {what: (message, repr(value)[:3000]) for what, (message, value) in told["findings"].items()}
    answer.write_text(json.dumps(told))


if __name__ == "__main__":
    _fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
