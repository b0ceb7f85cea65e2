"""Development tools: what Go builds (go.mod), and what writes the files of charts."""
