"""The order of a run: buckets, transfers, proofs."""
