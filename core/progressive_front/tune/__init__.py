"""Running a search: its trials as tasks of an engine, batch after batch, and what is shown and written of it."""
