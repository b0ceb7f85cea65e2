"""Measure how faithful evidence is to the model, and whether it points at what decides a text."""
