"""Bars kept beside a run, ready to be mapped."""
