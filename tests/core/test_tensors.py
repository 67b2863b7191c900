"""Files of tensors: what is read is what was written, to the bit, or the file is named."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from progressive_app.store.tensors import read_own_card, read_tensors, write_tensors
from progressive_core.contract.errors import ModelError

TENSORS = {
    "weight": torch.arange(12.0).view(3, 4),
    "steps": torch.tensor([3]),
    "mask": torch.tensor([True, False]),
    "none": torch.zeros(0, 4),
}
CARD = {"name": 'a "b" \\ ü', "score": 0.1, "zeros": "0" * 64, "list": [1, None]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_tensors(tmp_path / "one.safetensors", TENSORS, CARD)
    return tmp_path / "one.safetensors"


def test_tensors_and_card_come_back_as_they_were(file: Path) -> None:
    tensors, card = read_tensors(file)
    assert card == CARD
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_the_same_content_is_the_same_bytes_and_any_reader_of_safetensors_reads_them(file: Path) -> None:
    write_tensors(file.with_name("two.safetensors"), TENSORS, CARD)
    assert file.read_bytes() == file.with_name("two.safetensors").read_bytes()
    assert torch.equal(load_file(file)["weight"], TENSORS["weight"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_a_flipped_bit_is_told_wherever_it_is(file: Path, data: st.DataObject) -> None:
    content = file.read_bytes()
    flipped = bytearray(content)
    place = data.draw(st.integers(0, len(content) - 1))
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    hurt = file.with_name("hurt.safetensors")
    hurt.write_bytes(flipped)
    try:
        tensors, card = read_tensors(hurt)
    except ModelError as error:
        assert "hurt.safetensors: " in str(error)
        assert "\n" not in str(error)
    else:  # only the checksum's own key was hit
        assert card.keys() > CARD.keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
        with pytest.raises(ModelError, match="its checksum is missing"):
            read_own_card(hurt)


@pytest.mark.parametrize("left", [0, 7, 8, 100, -1])
def test_a_truncated_file_is_told(file: Path, left: int) -> None:
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(ModelError, match=r"one\.safetensors: "):
        read_tensors(file)


def test_another_programs_file_needs_no_checksum(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "other.safetensors", metadata={"card": "{}"})
    assert read_tensors(tmp_path / "other.safetensors")[1] == {}


@pytest.mark.parametrize("told", ["0", "\ud800", "", "x" * 64])
def test_a_checksum_that_is_none_is_told(tmp_path: Path, told: str) -> None:
    save_file(TENSORS, tmp_path / "other.safetensors", metadata={"card": json.dumps({"sha256": told})})
    with pytest.raises(ModelError, match="checksum"):
        read_tensors(tmp_path / "other.safetensors")
