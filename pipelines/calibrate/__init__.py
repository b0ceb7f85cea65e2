"""Fit the thresholds of the traffic light: `signalbox-jobs calibrate`."""
