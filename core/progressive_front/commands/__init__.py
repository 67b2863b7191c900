"""The commands that train nothing, a file for each."""
