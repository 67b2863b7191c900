"""What is installed: finds buckets, features, regimes, transfers, plugins and attacks, imports and examines them."""
