"""Draw the live console and the closing tables of a run that was made, as an SVG picture.

python examples/console_picture.py runs/2026-01-31-120000 docs/console.svg --bucket Medium --episode 20
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cattrs
from attrs import evolve
from rich.console import Console

from progressive_plugins.console.closing import closing, verdict_lines
from progressive_plugins.console.view import LiveView
from progressive_plugins.console.view_state import Progress
from progressive_training import BucketInfo, BucketResult, EpisodeReport, Resources, read_memory

COLUMNS, ROWS = 100, 30


def export_svg(run_dir: Path, picture: Path, bucket: str, episode: int) -> None:
    """Draw the console of the run in `run_dir` as it was after `episode` of `bucket`, and how that bucket ended."""
    converter = cattrs.Converter()
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    settings = json.loads((run_dir / "config.json").read_text())
    state = json.loads((run_dir / "state.json").read_text())
    results = converter.structure(state["results"], tuple[BucketResult, ...])
    reports = [
        converter.structure(line, EpisodeReport) for line in _metrics(run_dir, bucket) if line["episode"] <= episode
    ]
    position = [result.bucket for result in results].index(bucket)
    card = json.loads((run_dir / "models" / bucket / "card.json").read_text())
    planned = settings["EPISODES"]
    info = BucketInfo(
        name=bucket,
        horizons=tuple(card.get("horizons", ())),
        sequence=tuple(settings["SEQUENCE"]),
        episodes=planned if isinstance(planned, int) else planned[bucket],
        seed=settings["SEED"],
        run_dir=run_dir,
        settings=settings,
        results=results[:position],
    )
    limit = int(settings["MEMORY_THRESHOLD"] * read_memory("cpu").total)
    resources = Resources(device="cpu", parallel_episodes=1, batch_size=1, memory_limit=limit)
    progress = evolve(Progress(bucket=info, resources=resources, started=0.0), reports=tuple(reports))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(LiveView(progress, sum(report.seconds for report in reports), ROWS))
    console.print(closing(results), *verdict_lines(results), sep="\n")
    picture.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(picture), title="progressive-training")


def _metrics(run_dir: Path, bucket: str) -> Iterator[dict[str, Any]]:
    for line in (run_dir / "metrics.jsonl").read_text().splitlines():
        episode = json.loads(line)
        if episode.pop("bucket") == bucket:
            yield episode


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the directory of a finished run")
    parser.add_argument("picture", type=Path, help="the SVG file to write")
    parser.add_argument("--bucket", default="Short", help="the bucket to show in training (default %(default)s)")
    parser.add_argument("--episode", type=int, default=20, help="after which episode (default %(default)s)")
    options = parser.parse_args(arguments)
    export_svg(options.run, options.picture, options.bucket, options.episode)


if __name__ == "__main__":
    main()
