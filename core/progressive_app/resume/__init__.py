"""What may change in a begun run, and forks of it."""
