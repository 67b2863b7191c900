"""Tools of our users, each with an extra of its own."""
