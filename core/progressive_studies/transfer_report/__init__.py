"""What knowledge transfer was worth in a run: measured against scratch arms, told in tables, drawn."""
