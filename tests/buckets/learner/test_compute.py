"""What the machine is asked to compute in."""

import pytest
import torch

from progressive_buckets.learner import compute
from progressive_training import ConfigError

CPU = torch.device("cpu")


@pytest.mark.parametrize("made_for_it", [True, False])
def test_auto_takes_half_precision_only_where_the_device_is_made_for_it(made_for_it, monkeypatch) -> None:
    monkeypatch.delenv(compute.AUTO_PRECISION, raising=False)
    monkeypatch.setattr(compute, "has_bf16", lambda device: made_for_it)
    assert compute.precision("auto", CPU) == (torch.bfloat16 if made_for_it else torch.float32)
    assert compute.precision("fp32", CPU) == torch.float32
    assert compute.precision("bf16", CPU) == torch.bfloat16


@pytest.mark.parametrize(("meaning", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_environment_decides_what_auto_means_whatever_the_device(meaning, expected, monkeypatch) -> None:
    monkeypatch.setenv("PROGRESSIVE_TRAINING_AUTO_PRECISION", meaning)
    for made_for_it in (True, False):
        monkeypatch.setattr(compute, "has_bf16", lambda device, answer=made_for_it: answer)
        assert compute.precision("auto", CPU) == expected
    assert compute.precision("fp32", CPU) == torch.float32
    assert compute.precision("bf16", CPU) == torch.bfloat16


def test_another_meaning_of_auto_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("PROGRESSIVE_TRAINING_AUTO_PRECISION", "fp16")
    with pytest.raises(ConfigError, match=r"^PROGRESSIVE_TRAINING_AUTO_PRECISION is 'fp16', expected fp32 or bf16$"):
        compute.precision("auto", CPU)


@pytest.mark.parametrize(
    ("amx", "avx", "maker", "made_for_it"),
    [
        (True, True, "GenuineIntel", True),
        (False, True, "AuthenticAMD", True),
        (False, True, "GenuineIntel", False),  # half as fast as float32
        (False, False, "AuthenticAMD", False),
    ],
)
def test_a_processor_is_made_for_it_where_it_is_faster(amx, avx, maker, made_for_it, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(compute, "processor", lambda: f"vendor_id : {maker}")
    assert compute.has_bf16(CPU) == made_for_it


def test_a_torch_that_cannot_tell_counts_as_not_made_for_it(monkeypatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not compute.has_bf16(CPU)
    assert not compute.has_bf16(torch.device("meta"))


def test_a_table_keeps_its_layout_in_another_precision() -> None:
    raw = torch.randn(103, 8)
    windows = raw.as_strided((100, 32), (8, 1))  # four bars in each row
    half = compute.in_precision(windows, torch.bfloat16)
    assert torch.equal(half, windows.to(torch.bfloat16))
    assert half.untyped_storage().nbytes() == 103 * 8 * 2
    later = compute.in_precision(raw[10:20, 2:], torch.bfloat16)
    assert torch.equal(later, raw[10:20, 2:].to(torch.bfloat16))
    assert compute.in_precision(windows, torch.float32) is windows
