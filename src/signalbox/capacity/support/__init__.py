"""What runs where: rules over compute capability, dtype, quantization, engine and architecture."""
