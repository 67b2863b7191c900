"""Files of tensors: what is read is what was written, to the bit, or the file is named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from progressive_app.store.tensors import check_digest, read_card, read_tensors, write_tensors
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
    assert read_card(file) == card
    assert card == CARD
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_the_same_content_is_the_same_bytes_and_any_reader_of_safetensors_reads_them(file: Path) -> None:
    write_tensors(file.with_name("two.safetensors"), TENSORS, CARD)
    assert file.read_bytes() == file.with_name("two.safetensors").read_bytes()
    assert torch.equal(load_file(file)["weight"], TENSORS["weight"])


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    file = tmp_path / "one.safetensors"
    digest = write_tensors(file, TENSORS, CARD)
    check_digest(file, digest)
    content = file.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        file.write_bytes(flipped)
        with pytest.raises(ModelError, match=r"one\.safetensors: damaged"):
            check_digest(file, digest)


@pytest.mark.parametrize("left", [0, 7, 8, 100, -1])
def test_a_truncated_file_is_named(file: Path, left: int) -> None:
    file.write_bytes(file.read_bytes()[:left])
    for read in (read_tensors, read_card):
        with pytest.raises(ModelError, match=r"one\.safetensors: "):
            read(file)


def test_another_programs_file_can_be_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "other.safetensors", metadata={"card": "{}"})
    assert read_tensors(tmp_path / "other.safetensors")[1] == {}


@pytest.mark.parametrize("name", ["absent", "directory"])
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(ModelError, match=f"{name}: "):
        check_digest(tmp_path / name, None)
