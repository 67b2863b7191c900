"""Who may train a run: one trainer at a time, on one machine or on several."""
