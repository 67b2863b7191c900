"""What the buckets of a run prepare once for each other: bars, markets, and what is measured on them."""
