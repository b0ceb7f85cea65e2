"""How servers listen and end."""
