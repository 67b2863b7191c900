"""Exploration, replay, lessons and contextual memory."""
