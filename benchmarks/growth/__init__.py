"""What each path costs as the work grows: `make bench-growth` measures, `make generate` writes the page from the rows."""
