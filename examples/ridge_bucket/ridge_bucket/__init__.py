"""A bucket for progressive-training whose learner is a ridge regression."""
