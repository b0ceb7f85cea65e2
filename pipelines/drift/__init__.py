"""Compare recent records with a reference window: `signalbox-jobs drift`."""
