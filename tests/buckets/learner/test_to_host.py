"""What is read comes as it was: every group, name, shape and number."""

import torch

from progressive_buckets.insight.to_host import to_host


def test_everything_is_read_as_it_was() -> None:
    groups = {
        "counts": {"trades": torch.tensor(7), "bar": torch.tensor([3_999_999, 0])},
        "none": {},
        "rates": {
            "mean": torch.tensor(0.25),
            "table": torch.tensor([[1.5, 2.5], [3.5, 4.5]]),
            "hit": torch.tensor(True),
        },
    }
    seen = to_host(groups)
    assert {group: list(values) for group, values in seen.items()} == {g: list(n) for g, n in groups.items()}
    for group, notes in groups.items():
        assert {name: value.tolist() for name, value in seen[group].items()} == {
            name: tensor.double().tolist() for name, tensor in notes.items()
        }
