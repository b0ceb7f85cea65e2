"""The report of a comparison: one HTML file with its drawings, which needs no script and no other file."""
