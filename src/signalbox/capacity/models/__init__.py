"""Models: shapes, parameters and cache layers from a config.json, and the catalogue."""
