"""What `progressive-training challenge` found, in the report."""
