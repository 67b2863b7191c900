"""Prepared data on disk: cleaned bars, and markets to be mapped."""
