"""How numbers and verdicts are written for people, the same on every screen and in every report."""
