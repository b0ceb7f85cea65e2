"""Check a release against a blessed comparison before it serves: `signalbox-jobs gate`."""
