"""Specialists for market regimes in one network, trained beside the plain one and adopted where validation shows that they pay."""
