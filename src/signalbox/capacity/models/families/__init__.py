"""Families of models: traits that are not in their config.json, and the shapes of unusual ones."""
