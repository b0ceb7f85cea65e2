"""Compare models with each other and with baselines: `signalbox-jobs compare`."""
