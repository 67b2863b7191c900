"""Walk-forward: folds in the order of time, and their out-of-sample bars as one result."""
