"""How the page is rendered: its templates, and the headers of its responses."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parent

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def cookie_flags(request: Request) -> dict[str, Any]:
    """Flags of a session cookie: on a shared computer it ends with the browser's window."""
    return {"secure": request.url.scheme == "https", "httponly": True, "samesite": "lax"}


def version_of(folder: Path) -> str:
    """A version of the files in a folder, for their addresses: browsers keep files by address."""
    files = sorted(folder.iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


class Templates:
    """The compiled templates, and a version of the static files for their addresses."""

    def __init__(self) -> None:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.page = environment.get_template("page.html")
        self.queue = environment.get_template("queue.html")
        self.certificates = environment.get_template("certificates.html")
        self.plan = environment.get_template("plan.html")
        self.version = version_of(FOLDER / "static")
