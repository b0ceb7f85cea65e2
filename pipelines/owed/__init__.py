"""Labels that open decisions need: `signalbox labels owed`."""
