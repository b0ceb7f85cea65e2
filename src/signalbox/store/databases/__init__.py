"""The databases of the record store."""
