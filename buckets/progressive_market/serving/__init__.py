"""Saved models in use: bars read as their card says, and decisions that are the ones that were evaluated."""
