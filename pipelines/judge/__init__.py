"""Grade stored answers with another model: `signalbox-jobs judge`."""
