"""The web page: forms, views, messages in each language, templates and static files."""
