"""Several runs as one study: planned beforehand, each an ordinary run, and put together afterwards."""
