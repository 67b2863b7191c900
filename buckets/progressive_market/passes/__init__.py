"""Passes over bars compiled from C, where the installed package has them; torch computes the same numbers, to the bit."""
