"""Copies of the runbooks inside the library, whose wheel has no docs folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from signalbox.runbooks.page import without_links
from tools.measure import ROOT

_SOURCE, _COPY = Path("docs/runbooks"), Path("src/signalbox/runbooks/pages")


def runbook_copies() -> dict[str, Callable[[], str]]:
    """Path of each copy → its content."""
    pages = sorted((ROOT / _SOURCE).glob("Signalbox*.md"))
    return {str(_COPY / page.name): partial(_copy, page) for page in pages}


def _copy(page: Path) -> str:
    return without_links(page.read_text(encoding="utf-8"))
