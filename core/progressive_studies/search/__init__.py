"""Search for a bucket's settings: trials that half of validation judges, and a choice that the other half has to confirm."""
