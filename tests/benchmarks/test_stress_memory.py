"""The stress program of memory: it tells growth from noise, and a quick run of it ends."""

import math
from importlib import import_module
from types import ModuleType

import pytest


@pytest.fixture
def stress() -> ModuleType:
    return import_module("stress.memory")


def passes(stress: ModuleType, *resident: tuple[float, float]) -> list[object]:
    return [
        stress.Held(name, megabytes, 0.0)
        for each in resident
        for name, megabytes in zip(("Small", "Large"), each, strict=True)
    ]


def test_a_large_bucket_after_a_small_one_is_no_growth(stress: ModuleType) -> None:
    slope, error = stress.slope_of(passes(stress, (100, 180), (100, 180), (100, 180)))
    assert (slope, error) == (0, 0)
    assert not stress.grows(slope, error)


def test_growth_is_found_and_told_by_the_bucket(stress: ModuleType) -> None:
    slope, error = stress.slope_of(passes(stress, (100, 180), (104, 184), (108.1, 188)))
    assert slope == pytest.approx(2, abs=0.05) and 0 < error < 0.1
    assert stress.grows(slope, error)


def test_noise_is_not_growth(stress: ModuleType) -> None:
    slope, error = stress.slope_of(passes(stress, (100, 180), (109, 172), (101, 188)))
    assert not stress.grows(slope, error)
    assert not stress.grows(0.1, 0.001), "a tenth of a megabyte is nobody's trouble"
    assert math.isnan(stress.slope_of(passes(stress, (1, 2)))[0])


def test_it_trains_the_sequence_and_says_what_was_held(
    stress: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    small = {**stress.defaults(), "SEQUENCE": ["Scalping"], "SYNTHETIC_BARS": 3000, "UPDATES_PER_EPISODE": 2}
    monkeypatch.setattr(stress, "defaults", lambda: small)
    monkeypatch.setattr(stress, "grows", lambda slope, error: False)  # other tests in this process leave things behind
    assert stress.main(["--count", "4", "--episodes", "1", "--device", "cpu"]) == 0
    printed = capfd.readouterr().out.splitlines()[-6:]
    assert [line.split()[:2] for line in printed[:4]] == [[str(number), "Scalping"] for number in (1, 2, 3, 4)]
    assert "MB a bucket, standard error" in printed[4]
    assert printed[5].startswith("4 buckets in ") and printed[5].endswith("memory does not grow")


def test_two_passes_are_too_few(stress: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        stress.main(["--count", "2"])
    assert "--count must be 3 or more" in capfd.readouterr().err
