"""Building blocks of the networks that are written by hand as ONNX."""
