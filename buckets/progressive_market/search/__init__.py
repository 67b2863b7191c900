"""Search for settings: on which bars trials run, and what their models earn on both halves of validation."""
