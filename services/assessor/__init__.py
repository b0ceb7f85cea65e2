"""The assessor: API and web page."""
