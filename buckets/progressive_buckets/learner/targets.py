"""What the advantages should have been: returns over a few bars, and the target network's advantages after them.

Only differences matter. With Q(s, p, a) = G(s, a) - cost(|a - p|) and D(s, a) = G(s, a) - G(s, flat),

    D(t, a) = r(t, a) + discount * [V(t+1, a) - V(t+1, flat)],    V(s, p) = max over b of D(s, b) - cost(|b - p|)

The bracket never exceeds the cost of closing a trade, and what all positions share (most of the noise) drops out. The
market does not care what the agent holds, so one bar teaches both actions. The target network both chooses b and
values it: it is an average, and letting the online network choose (van Hasselt 2010) was no better in 24 pairs of
trainings and cost a third of the targets more. `lambda` mixes in what the next bars really paid.
"""

from __future__ import annotations

import torch

from progressive_training.market import FLAT, LONG, SHORT, best_actions


def continuation(actions: torch.Tensor, values: torch.Tensor, costs: torch.Tensor) -> torch.Tensor:
    """V(s, a) - V(s, flat) for a long and a short position [..., 2].

    :param actions: [..., 3] the action chosen from each position. :param values: [..., 3] value of each action.
    """
    value_of = torch.gather(values, -1, actions)
    taken = torch.stack([value_of[..., p] - costs[p][actions[..., p]] for p in (FLAT, LONG, SHORT)], dim=-1)
    return taken[..., 1:] - taken[..., :1]


def sweep(
    rewards: torch.Tensor,
    advantages: torch.Tensor,
    decidable: torch.Tensor,
    costs: torch.Tensor,
    discount: float,
    trace: float,
) -> torch.Tensor:
    """Lambda-returns of the first of n bars, for many starts at once.

    :param rewards: [B, n, 2] of long and short on each bar.
    :param advantages: [B, n, 2] the target network's, on the bars one later.
    :param decidable: [B, n] whether those bars may be decided on; where not, both positions are closed there.
    :param costs: [3, 3] from `policy.cost_matrix`. :param trace: lambda, 0 for one-step targets.
    :return: [B, 2].
    """
    actions = best_actions(advantages, costs)
    closing = -costs[1:, FLAT]  # what forced closing adds for long and short
    returned = advantages[:, -1]
    for k in range(rewards.shape[1] - 1, -1, -1):
        mixed = torch.lerp(advantages[:, k], returned, trace)
        values = torch.cat([torch.zeros_like(mixed[:, :1]), mixed], dim=1)
        ahead = continuation(actions[:, k], values, costs)
        ahead = torch.where(decidable[:, k, None], ahead, closing)
        returned = rewards[:, k] + discount * ahead
    return returned
