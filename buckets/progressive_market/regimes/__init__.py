"""Market regimes: detectors of them, fitted on the training part and filtered, and what keeps one from looking ahead."""
