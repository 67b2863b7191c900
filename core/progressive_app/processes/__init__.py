"""A bucket in a process of its own."""
