"""What the machine is asked to compute in."""

import pytest
import torch

from progressive_buckets.learner import compute

CPU = torch.device("cpu")


@pytest.mark.parametrize("made_for_it", [True, False])
def test_auto_takes_half_precision_only_where_the_device_is_made_for_it(made_for_it, monkeypatch) -> None:
    monkeypatch.setattr(compute, "has_bf16", lambda device: made_for_it)
    assert compute.precision("auto", CPU) == (torch.bfloat16 if made_for_it else torch.float32)
    assert compute.precision("fp32", CPU) == torch.float32
    assert compute.precision("bf16", CPU) == torch.bfloat16


def test_a_torch_that_cannot_tell_counts_as_not_made_for_it(monkeypatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not compute.has_bf16(CPU)
    assert not compute.has_bf16(torch.device("meta"))
