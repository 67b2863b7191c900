"""The example package, installed beside the project as a stranger would: listed, trained with, and left out."""

import json
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "swing_plugin"
NAMES = {"Swing", "swing_extractor", "swing_quota"}
SMALL = ("--episodes", "2", "--set", "SYNTHETIC_BARS=8000", "--set", "UPDATES_PER_EPISODE=2", "--device", "cpu")


@pytest.fixture(scope="module")
def package(install) -> Path:
    return install(EXAMPLE)


@pytest.fixture
def site(package: Path, tmp_path: Path, site_at):
    return site_at(tmp_path, (package,))


def listed(site, *arguments: str) -> dict[str, dict[str, object]]:
    return {record["name"]: record for record in json.loads(site.program("plugins", "--json", *arguments))}


def test_it_is_listed_with_its_distribution(site) -> None:
    records = listed(site)
    assert records.keys() >= NAMES
    for name in NAMES:
        assert records[name]["distribution"] == "swing-plugin" and records[name]["enabled"], records[name]


def test_it_trains_in_a_sequence(site) -> None:
    site.program("--sequence", "Scalping,Swing", *SMALL, "--run-dir", "run")
    card = json.loads((site.cwd / "run" / "models" / "Swing" / "card.json").read_text())
    assert card["horizons"] == [12, 24, 48, 96]
    ledger = [json.loads(line) for line in (site.cwd / "run" / "ledger.jsonl").read_text().splitlines()]
    swing = [entry for entry in ledger if entry["strategy"] == "swing_extractor"]
    assert [(entry["source"], entry["target"], entry["phase"]) for entry in swing] == [("Scalping", "Swing", "initial")]
    assert swing[0]["verdict"] in ("kept", "rolled back")
    assert swing[0]["copied"] and all(name.startswith("extractor.") for name in swing[0]["copied"])
    metrics = [json.loads(line) for line in (site.cwd / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {episode["transitions"] for episode in metrics} == {32 * 128}  # the quota: 32 markets, of the 64 asked for


def test_its_names_leave_it_out_before_it_is_imported(site) -> None:
    without = [part for name in sorted(NAMES) for part in ("-p", f"no:{name}")]
    assert not any(record["enabled"] for name, record in listed(site, *without).items() if name in NAMES)
    train = [*without, "--bucket", "Scalping", *SMALL, "--run-dir", "run"]
    code = (
        "import sys; from progressive_front.cli import main; "
        f"assert main({train!r}) == 0; assert main(['plugins', *{without!r}]) == 0; "
        "sys.exit(any(name.startswith('swing_plugin') for name in sys.modules))"
    )
    site.python("-c", code)


def test_its_own_tests_pass(site) -> None:
    site.python("-m", "pytest", "-q", str(EXAMPLE / "tests"), "-p", "no:cacheprovider")


def test_each_part_is_as_short_as_we_promise() -> None:
    def lines(name: str) -> int:
        return len((EXAMPLE / "swing_plugin" / name).read_text().splitlines())

    assert lines("bucket.py") <= 10 and lines("transfer.py") <= 15 and lines("policy.py") <= 10
