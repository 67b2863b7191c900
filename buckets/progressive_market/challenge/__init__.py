"""How a strategy breaks: attacks on a finished model, and what the other models of its run think of its positions."""
