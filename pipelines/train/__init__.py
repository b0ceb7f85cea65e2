"""Train the encoder: `signalbox-jobs train`."""
