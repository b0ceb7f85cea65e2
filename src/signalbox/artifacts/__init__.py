"""Files of the models: those on this machine and on the hub, and downloads from S3 object storage."""

from signalbox.artifacts.models import current_release, gguf_file

__all__ = ["current_release", "gguf_file"]
