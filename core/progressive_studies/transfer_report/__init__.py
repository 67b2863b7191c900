"""What knowledge transfer was worth in a run: measured against scratch arms, in tables and curves."""
