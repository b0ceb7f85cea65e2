"""The command `signalbox certify`: input and output around the pure steps."""
