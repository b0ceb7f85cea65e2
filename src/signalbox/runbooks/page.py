"""A runbook as data: its sections, and its commands with the values of an alert. Pure but for `load` and `names`."""

from __future__ import annotations

import difflib
import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from signalbox.errors import InputError

# Copies of docs/runbooks by `make generate`, so that they are in the wheel.
PAGES = Path(__file__).parent / "pages"
MEANING, IMPACT, DIAGNOSIS, MITIGATION = SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation")
_PREFIX = "Signalbox"
_HEADING = re.compile(r"^## (\w+)$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)(?:#[^)]*)?\)")
_SOURCE = "docs/runbooks"
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
# What means the same inside and outside quotes of a shell; other values are exported before the commands.
_PLAIN = re.compile(r"[\w.:/@%+,-]+")


@dataclass(frozen=True)
class Runbook:
    """A runbook: the name of its alert, and its sections in Markdown."""

    alert: str
    sections: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The first sentence of its meaning."""
        text = " ".join(self.sections[MEANING].split())
        return re.split(r"(?<=[.!?]) ", text)[0]


@dataclass(frozen=True)
class Filled:
    """A text with values: what a shell has to know before, and the variables without a value."""

    text: str
    exports: tuple[str, ...]
    missing: tuple[str, ...]


def names() -> list[str]:
    """The alerts that have a runbook."""
    return sorted(path.stem for path in PAGES.glob(f"{_PREFIX}*.md"))


def load(alert: str) -> Runbook:
    """The runbook of an alert, whose name may lack its prefix. Raises InputError with the nearest names."""
    known = {name.lower(): name for name in names()}
    key = alert.lower()
    name = known.get(key) or known.get(f"{_PREFIX.lower()}{key}")
    if name is None:
        raise InputError("alert", alert, _nearest(key, known), problem=f"No runbook for the alert `{alert}`.")
    return parse(name, (PAGES / f"{name}.md").read_text(encoding="utf-8"))


def parse(alert: str, text: str) -> Runbook:
    """The sections of a page. Raises ValueError for a page without one of them."""
    parts = _HEADING.split(text)
    sections = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    if missing := [name for name in SECTIONS if name not in sections]:
        raise ValueError(f"{alert}: needs the sections {', '.join(SECTIONS)}; without {', '.join(missing)}")
    return Runbook(alert, {name: sections[name] for name in SECTIONS})


def without_links(text: str) -> str:
    """A page of the documentation for a terminal: links to other pages as their text and path."""
    return _LINK.sub(lambda match: f"{match[1]} ({posixpath.normpath(f'{_SOURCE}/{match[2]}')})", text)


def fill(text: str, values: Mapping[str, str]) -> Filled:
    """The text with the values of its shell variables."""
    variables = list(dict.fromkeys(match[1] or match[2] for match in _VARIABLE.finditer(text)))
    plain = {name: values[name] for name in variables if _PLAIN.fullmatch(values.get(name, ""))}
    complete = _VARIABLE.sub(lambda match: plain.get(match[1] or match[2], match[0]), text)
    exports = [
        f"export {name}={shlex.quote(values[name])}"
        for name in variables
        if values.get(name) and name not in plain
    ]
    return Filled(complete, tuple(exports), tuple(name for name in variables if not values.get(name)))


def _nearest(key: str, known: Mapping[str, str]) -> str:
    """A hint with the names that are most like an unknown one."""
    short = {name.removeprefix(_PREFIX.lower()): full for name, full in known.items()}
    close = difflib.get_close_matches(key.removeprefix(_PREFIX.lower()), short, n=3, cutoff=0.4)
    if not close:
        return "`signalbox why` lists all alerts."
    return (
        f"Did you mean {' or '.join(f'`{short[name]}`' for name in close)}? `signalbox why` lists all alerts."
    )
