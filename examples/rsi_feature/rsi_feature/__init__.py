"""The relative strength index as a feature for progressive-training."""
