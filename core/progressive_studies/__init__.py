"""Studies that compare several trainings: scratch arms, transfer report, curriculum."""
