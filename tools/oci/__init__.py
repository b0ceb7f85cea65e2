"""Registries of images and charts: names, credentials, layouts on a disk, and the distribution protocol.

Specifications: https://github.com/opencontainers/distribution-spec, https://github.com/opencontainers/image-spec
"""
