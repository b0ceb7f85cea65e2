"""Startup logs of engines: parse them, compare them with the plan, store corrections."""
