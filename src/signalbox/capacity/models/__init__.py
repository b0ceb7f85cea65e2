"""What a model is made of: shapes, parameters and cache layers from its config.json, and the catalogue."""
