"""An excerpt costs the same for any number of bars, and trades in it as the whole part would."""

import pytest
import torch

from progressive_market.judging.excerpt import STRETCHES, excerpt, stretch_of
from progressive_market.market import Part


def part_of(bars: int) -> Part:
    decidable = torch.ones(bars, dtype=torch.bool)
    decidable[-1] = False
    number = torch.arange(bars)
    return Part(1000, number[:, None].float(), number.double(), decidable, number.numpy())


def test_a_part_within_the_limit_is_taken_whole() -> None:
    part = part_of(160)
    taken, rows = excerpt(part, limit=160)
    assert taken is part
    assert rows.tolist() == list(range(160))


@pytest.mark.parametrize("bars", [161, 1000, 12_345])
def test_blocks_lie_within_their_stretches_and_end_flat(bars: int) -> None:
    taken, rows = excerpt(part_of(bars), limit=160)
    assert len(taken) == len(rows) == 160
    assert taken.features[:, 0].tolist() == taken.returns.tolist() == rows.tolist()
    blocks = rows.view(STRETCHES, -1)
    assert bool((blocks.diff(dim=1) == 1).all())
    assert stretch_of(blocks, bars).tolist() == [[stretch] * 10 for stretch in range(STRETCHES)]
    assert taken.decidable.view(STRETCHES, -1).tolist() == [[True] * 9 + [False]] * STRETCHES


def test_an_excerpt_leaves_the_part_as_it_was() -> None:
    part = part_of(1000)
    excerpt(part, limit=160)
    assert int((~part.decidable).sum()) == 1
