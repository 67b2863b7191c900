"""What only several trainings can say."""
