"""Columns that were fitted to the whole file before it came here."""
