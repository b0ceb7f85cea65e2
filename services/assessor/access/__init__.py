"""Who may send requests, and how many: API keys and rate limits."""

from __future__ import annotations

from services.assessor.access.key_file import KeyFile
from services.assessor.access.middleware import OPEN, Access

__all__ = ["OPEN", "Access", "KeyFile"]
