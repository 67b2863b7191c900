"""Where a tracker keeps what is of one run, among what is of others."""

import json
from pathlib import Path

from progressive_integrations.tracking.run_place import place_of


def test_runs_of_one_name_have_directories_of_their_own(tmp_path: Path) -> None:
    runs = [tmp_path / began / "run" for began in ("morning", "evening")]
    for run in runs:
        run.mkdir(parents=True)
        (run / "manifest.json").write_text(json.dumps({"started": run.parent.name}))
    assert [place_of(run, tmp_path / "all").name for run in (*runs, *runs)] == ["run", "run-2"] * 2
    runs[1].rename(tmp_path / "run")
    assert place_of(tmp_path / "run", tmp_path / "all").name == "run-2"  # one that was moved finds its own
