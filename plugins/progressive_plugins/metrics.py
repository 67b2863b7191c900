"""What a run wrote down of its episodes, read back from `metrics.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_metrics(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the episodes of each bucket, in order; none where the file is not there.

    A damaged line is left out: a picture with a hole is better than none, and nothing else rests on it.
    """
    episodes: dict[str, list[dict[str, Any]]] = {}
    if not path.is_file():
        return episodes
    for line in path.read_bytes().split(b"\n"):
        try:
            episode = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_episode(episode):
            episodes.setdefault(episode["bucket"], []).append(episode)
    return episodes


def _is_episode(line: Any) -> bool:
    """Whether a line holds what is drawn and shown of an episode."""
    if not (isinstance(line, dict) and isinstance(line.get("bucket"), str) and _is_count(line.get("episode"))):
        return False
    score, transfers = line.get("score", ""), line.get("transfers", [])
    return (
        (score is None or (type(score) in (int, float) and abs(score) < 1e300))
        and isinstance(transfers, list)
        and all(isinstance(entry, dict) and _is_transfer(entry) for entry in transfers)
    )


def _is_transfer(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("verdict"), str) and "target" in entry and _is_count(entry.get("episode"))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 10**9
