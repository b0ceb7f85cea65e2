"""Protection against requests that other sites cause in a user's browser."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from our own page.

    As Go's CrossOriginProtection: Sec-Fetch-Site if the browser sends it (only over HTTPS and on localhost), else Origin
    against Host. A request without both is from no browser, which has no cookies to abuse.
    """
    if site := headers.get("sec-fetch-site"):
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
