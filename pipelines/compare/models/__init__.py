"""Models of a comparison: candidates, their answers in journals, and what answering takes."""

# The API key of a model by URL. Here, because the help of two commands names it, and the modules of this package import much.
KEY_VARIABLE = "SIGNALBOX_COMPARE_API_KEY"
