"""Which servers are called through the proxy of HTTP_PROXY and HTTPS_PROXY: all but loopback and the hosts of NO_PROXY."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Where http_proxy is set, no_proxy often is not, and a proxy cannot reach the loopback of this machine.
DIRECT: Mapping[str, None] = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}


def is_loopback(url: str) -> bool:
    """Whether the server of a URL is on this machine."""
    return urlsplit(url).hostname in LOOPBACK


def uses_environment(url: str) -> bool:
    """Whether a proxy of the environment, or a .netrc, may apply to the server of a URL. Neither changes after a start."""
    if is_loopback(url):
        return False
    parts = urlsplit(url)
    has_proxy = parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
    return has_proxy or _has_netrc()


def _has_netrc() -> bool:
    try:
        return Path(os.environ.get("NETRC") or Path.home() / ".netrc").exists()
    except (OSError, RuntimeError):  # not readable, or a user without a home
        return False
