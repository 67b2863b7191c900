"""What a run wrote down of its episodes, read back from `metrics.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_metrics(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the episodes of each bucket, in order; none where the file is not there. A torn last line is left out."""
    episodes: dict[str, list[dict[str, Any]]] = {}
    if not path.is_file():
        return episodes
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            episode = json.loads(line)
        except json.JSONDecodeError:
            continue
        episodes.setdefault(episode["bucket"], []).append(episode)
    return episodes
