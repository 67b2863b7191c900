"""The core: it composes buckets, transfer strategies and policies, and knows none of them."""

PROJECT = "progressive_training"
PROGRAM = "progressive-training"
"""The distribution, and the command line."""
