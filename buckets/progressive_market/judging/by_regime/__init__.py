"""Judging regime by regime: what the strategy does in each of them alone, and in which a model may trade."""
