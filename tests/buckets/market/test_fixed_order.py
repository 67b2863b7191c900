"""Running sums and products of one long row, cut into short ones as on a GPU: the same numbers as of the whole row."""

from __future__ import annotations

import pytest
import torch

from progressive_market import fixed_order
from progressive_market.fixed_order import running_product, running_sum

LENGTHS = (0, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 64, 65, 300)


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_order, "adds_in_order", lambda device: False)
    monkeypatch.setattr(fixed_order, "ROW", 4)


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize("length", LENGTHS)
def test_short_rows_give_the_sums_and_products_of_the_long_one(length: int) -> None:
    values = torch.arange(length) % 7 - 3
    assert torch.equal(running_sum(values.double()), values.cumsum(0).double())
    signs = 1 - 2 * (values % 3 == 0).double()  # 1 and -1: exact in any order
    assert torch.equal(running_product(signs), signs.cumprod(0))
    rows = values.double().expand(3, -1)
    assert torch.equal(running_sum(rows), rows.cumsum(1)) and torch.equal(running_sum(rows[:1]), rows[:1].cumsum(1))


def test_rows_of_the_true_length_round_as_little(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.rand(1_000_001, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    plain = running_sum(values), running_product(1 + values / 1_000)
    monkeypatch.setattr(fixed_order, "adds_in_order", lambda device: False)
    torch.testing.assert_close(running_sum(values), plain[0], rtol=0, atol=1e-9)
    torch.testing.assert_close(running_product(1 + values / 1_000), plain[1], rtol=1e-10, atol=0)
