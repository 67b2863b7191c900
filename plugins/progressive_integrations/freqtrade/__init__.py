"""The exporter `freqtrade`: a strategy in which the model decides."""
