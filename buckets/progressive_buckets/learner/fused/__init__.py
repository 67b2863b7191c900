"""The gradient step by compiled passes, where the installed package has them for this processor."""
