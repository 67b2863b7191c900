"""A bucket with a learner of its own on the market: base classes that leave only the learning to write."""
