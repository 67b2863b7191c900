"""Stages: buckets of a sequence that train at the same time."""
