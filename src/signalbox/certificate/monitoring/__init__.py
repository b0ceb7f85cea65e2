"""After a certificate is issued: its events, the detector on new labels, and what the two say about its state."""
