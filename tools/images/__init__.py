"""Container images from the Dockerfiles: by docker or buildah, and without a registry from Debian packages."""
