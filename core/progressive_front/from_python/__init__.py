"""What a Python caller hands to a trainer, and gets from it."""
