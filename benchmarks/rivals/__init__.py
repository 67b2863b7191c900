"""The trainers that `benchmarks/peers.py` compares, and each of its parts."""
