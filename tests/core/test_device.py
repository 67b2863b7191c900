"""DEVICE: what each setting means on a machine, and the one line for those that mean nothing."""

from __future__ import annotations

import pytest
import torch

from progressive_app.machine.device import resolve_device
from progressive_core.contract.errors import ConfigError

GPUS = torch.cuda.device_count()


def test_cpu_is_cpu_and_auto_is_what_there_is() -> None:
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") == ("cuda:0" if GPUS else "cpu")


@pytest.mark.parametrize("setting", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "", "mps", "cuda:0:1", "cuda:1234"])
def test_what_is_no_device_is_refused_with_the_choices(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"use auto, cpu, cuda or cuda:<index>") as refused:
        resolve_device(setting)
    assert repr(setting) in str(refused.value)


def test_a_gpu_that_is_not_there_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"DEVICE: 'cuda:99' is not there: .*; use auto or cpu") as refused:
        resolve_device("cuda:99")
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(GPUS == 0, reason="needs a GPU")
def test_cuda_means_the_first_gpu() -> None:
    assert resolve_device("cuda") == "cuda:0"
