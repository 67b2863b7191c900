"""What a learner knows of its inputs, horizons and edge."""
