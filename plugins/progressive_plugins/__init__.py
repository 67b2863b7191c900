"""The built-in policies (memory, cache, early stopping) and observers (console, report)."""
