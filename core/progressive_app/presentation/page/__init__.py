"""What the pages of runs and studies share: how they look, and how their templates write numbers."""
