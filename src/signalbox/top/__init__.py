"""`signalbox top`: whether the answers may be trusted today, in a terminal."""
