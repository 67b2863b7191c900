"""`export`: a trained model as files that other tools read."""
