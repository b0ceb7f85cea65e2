"""The charts as others install them: archives, an OCI layout, an index, provenance; and pushing them with the images.

See docs/guides/publish.md.
"""
