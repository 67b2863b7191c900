"""A bucket, a transfer strategy and a policy for progressive-training."""
