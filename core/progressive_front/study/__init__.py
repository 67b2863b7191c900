"""Running a study: its runs as tasks of an engine, and what is shown of them meanwhile."""
