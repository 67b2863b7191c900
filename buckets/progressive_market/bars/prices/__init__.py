"""What the prices of bars are checked for: bad prints, a stretch in another unit, prices that cannot be traded."""
