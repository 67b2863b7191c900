"""Committee: the finished buckets of a run vote, and nothing is trained."""
