"""Gymnasium: a market as an environment, for one walk or many at once. The extra is `gym`."""
