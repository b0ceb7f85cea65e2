"""Which servers are called through the proxy of HTTP_PROXY and HTTPS_PROXY: all but loopback and the hosts of NO_PROXY."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Where http_proxy is set, no_proxy often is not, and a proxy cannot reach the loopback of this machine.
DIRECT: Mapping[str, None] = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}


def is_loopback(url: str) -> bool:
    """Whether the server of a URL is on this machine."""
    return urlsplit(url).hostname in LOOPBACK
