"""The HTTP routes: the API, the pass-through of the decoder's API, and the web page. Thin; rules are elsewhere."""
