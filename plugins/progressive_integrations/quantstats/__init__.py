"""The exporter `quantstats`: a model's daily returns beside buy and hold."""
