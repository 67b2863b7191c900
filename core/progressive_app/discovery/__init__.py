"""What is installed: finds buckets, features, transfers and plugins, imports and examines them."""
