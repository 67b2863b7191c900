"""Settings: declared, resolved and checked."""
