"""How plugins are found, checked, put in order and called."""
