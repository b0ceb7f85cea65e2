"""How servers listen and end, and how their callers wait and share requests."""
