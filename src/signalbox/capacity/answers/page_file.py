"""The parts of a plan's page, and the file that `signalbox plan --html` makes of them. Imports nothing of the planner."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any, Literal

Language = Literal["en", "de"]
ASSETS = resources.files("signalbox.capacity.answers").joinpath("assets")
_MARK = re.compile(r"@@(\w+)@@")


@dataclass(frozen=True)
class PageParts:
    """A page without what is around it."""

    language: Language
    title: str
    made: str  # by which version, for which engine, when
    body: str  # HTML
    data: Mapping[str, Any]  # what the sliders show, for assets/plan.js

    @property
    def script_data(self) -> str:
        """The data as JSON that may be inside of a script element."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def page_file(parts: PageParts) -> str:
    """One HTML file without anything from elsewhere."""
    blocks = {
        "lang": parts.language,
        "style": asset("document.css") + asset("plan.css"),
        "title": escape(parts.title),
        "made": escape(parts.made),
        "body": parts.body,
        "script": asset("plan.js"),
        "data": parts.script_data,
    }
    return filled(asset("document.html"), blocks)


def asset(name: str) -> str:
    """The text of a file in assets/."""
    return ASSETS.joinpath(name).read_text(encoding="utf-8")


def filled(html: str, blocks: Mapping[str, str]) -> str:
    """HTML with each mark `@@key@@` replaced by its block; marks inside of a block stay as they are."""
    return _MARK.sub(lambda match: blocks[match[1]], html)
