"""Memory, device and logging."""
