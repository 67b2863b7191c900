"""Targets of the advantages: lambda-returns over a few bars, continued by the target network's advantages.

Let Q(s, p, a) be the value of action a in market state s while holding position p. The market does not depend on p, so
Q(s, p, a) = G(s, a) - cost(|a - p|), and the networks learn only the advantage over flat, D(s, a) = G(s, a) - G(s, flat):

    D(t, a) = r(t, a) + discount * [V(t+1, a) - V(t+1, flat)],    V(s, p) = max over b of D(s, b) - cost(|b - p|)

The bracket is at most the cost of closing a trade, and returns that all positions share, most of the noise, cancel. One
bar teaches both actions. The target network chooses b and values it. Choosing by the online network (double Q-learning,
van Hasselt 2010) was no better in 24 pairs of trainings, and made targets a third more expensive. With `trace` = lambda
the returns of the following bars are mixed in (Sutton and Barto 2018, chapter 12).
"""

from __future__ import annotations

import torch

from progressive_buckets.learner.fused.learning_passes import lambda_returns, usable_for_targets
from progressive_training.market import FLAT, LONG, SHORT, best_actions


def continuation(actions: torch.Tensor, values: torch.Tensor, costs: torch.Tensor) -> torch.Tensor:
    """V(s, a) - V(s, flat) for a long and a short position [..., 2].

    :param actions: [..., 3] the action chosen when holding each position. :param values: [..., 3] D of each action.
    :param costs: [3, 3] from `policy.cost_matrix`.
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
    """Lambda-returns [B, 2] of long and short from B bars, over n bars each, computed backwards from the last.

    :param rewards: [B, n, 2] of long and short on each bar.
    :param advantages: [B, n, 2] of the target network, one bar later each.
    :param decidable: [B, n] whether these later bars may be decided on; where not, both positions are closed there.
    :param costs: [3, 3] from `policy.cost_matrix`. :param trace: lambda, 0 for one-step targets.
    """
    actions = best_actions(advantages, costs)
    passes = usable_for_targets(rewards, advantages, decidable, costs)
    if passes is not None:
        return lambda_returns(passes, rewards, advantages, actions, decidable, costs, discount, trace)
    closing = -costs[1:, FLAT]  # [2] cost of a forced close of long and short
    returned = advantages[:, -1]
    for k in range(rewards.shape[1] - 1, -1, -1):
        mixed = torch.lerp(advantages[:, k], returned, trace)  # [B, 2]: (1 - lambda) D + lambda * return from there
        values = torch.cat([torch.zeros_like(mixed[:, :1]), mixed], dim=1)  # [B, 3], flat is 0
        ahead = continuation(actions[:, k], values, costs)
        ahead = torch.where(decidable[:, k, None], ahead, closing)
        returned = rewards[:, k] + discount * ahead  # [B, 2]
    return returned
