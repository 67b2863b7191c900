"""The exporter `backtesting`: a model's positions as a strategy of backtesting.py."""
