"""Models of a comparison: candidates, their answers in journals, and what answering takes."""
