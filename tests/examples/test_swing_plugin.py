"""The example package, installed beside the project as a stranger would: listed, trained with, and left out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "swing_plugin"
NAMES = {"Swing", "swing_extractor", "swing_quota"}
SMALL = ("--episodes", "2", "--set", "SYNTHETIC_BARS=8000", "--set", "UPDATES_PER_EPISODE=2", "--device", "cpu")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed in it."""
    target = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index")
    run(*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(EXAMPLE), cwd=target)
    return target


def run(*command: str, cwd: Path, site: Path | None = None) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(site or "")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(site: Path, cwd: Path, *arguments: str) -> dict[str, dict[str, object]]:
    command = (sys.executable, "-m", "progressive_training", "plugins", "--json", *arguments)
    return {record["name"]: record for record in json.loads(run(*command, cwd=cwd, site=site))}


def test_it_is_listed_with_its_distribution(site: Path, tmp_path: Path) -> None:
    records = listed(site, tmp_path)
    assert records.keys() >= NAMES
    for name in NAMES:
        assert records[name]["distribution"] == "swing-plugin" and records[name]["enabled"], records[name]


def test_it_trains_in_a_sequence(site: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "progressive_training", "--sequence", "Scalping,Swing", *SMALL, "--run-dir", "run")
    run(*command, cwd=tmp_path, site=site)
    card = json.loads((tmp_path / "run" / "models" / "Swing" / "card.json").read_text())
    assert card["horizons"] == [12, 24, 48, 96]
    ledger = [json.loads(line) for line in (tmp_path / "run" / "ledger.jsonl").read_text().splitlines()]
    swing = [entry for entry in ledger if entry["strategy"] == "swing_extractor"]
    assert [(entry["source"], entry["target"], entry["phase"]) for entry in swing] == [("Scalping", "Swing", "initial")]
    assert swing[0]["verdict"] in ("kept", "rolled back")
    assert swing[0]["copied"] and all(name.startswith("extractor.") for name in swing[0]["copied"])
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {episode["transitions"] for episode in metrics} == {32 * 128}  # the quota: 32 markets, of the 64 asked for


def test_its_names_leave_it_out_before_it_is_imported(site: Path, tmp_path: Path) -> None:
    without = [part for name in sorted(NAMES) for part in ("-p", f"no:{name}")]
    assert not any(record["enabled"] for name, record in listed(site, tmp_path, *without).items() if name in NAMES)
    train = [*without, "--bucket", "Scalping", *SMALL, "--run-dir", "run"]
    code = (
        "import sys; from progressive_front.cli import main; "
        f"assert main({train!r}) == 0; assert main(['plugins', *{without!r}]) == 0; "
        "sys.exit(any(name.startswith('swing_plugin') for name in sys.modules))"
    )
    run(sys.executable, "-c", code, cwd=tmp_path, site=site)


def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "pytest", "-q", str(EXAMPLE / "tests"), "-p", "no:cacheprovider", cwd=tmp_path, site=site)


def test_each_part_is_as_short_as_we_promise() -> None:
    def lines(name: str) -> int:
        return len((EXAMPLE / "swing_plugin" / name).read_text().splitlines())

    assert lines("bucket.py") <= 10 and lines("transfer.py") <= 15 and lines("policy.py") <= 10
