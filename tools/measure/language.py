"""Text that a person reads, and the retired words in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from signalbox.capacity.datafile import read_yaml
from tools.measure import PYTHON_FOLDERS, ROOT, WORDS

_PAGES = ("*.md", "docs/**/*.md", "charts/**/README.md", "manifests/**/README.md", "tasks/**/*.md")
_CHARTS = (
    "charts/*/values.yaml",
    "charts/*/templates/**/*",
    "charts/*/files/*.yaml",
    "charts/*/examples/*.yaml",
)
_WEB = ("services/assessor/web/templates/*.html",)
# History, and the page that lists the retired words.
_EXCEPT = ("CHANGELOG.md", "STYLE.md", "docs/log.md", "tools/measure/words.yaml")


@dataclass(frozen=True)
class RetiredWord:
    """Where a retired word is used, and what to write instead."""

    path: Path
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.word!r}: write {self.instead}"


def patterns() -> list[tuple[re.Pattern[str], str]]:
    """Each retired word as a pattern, with its replacement."""
    rows = read_yaml(WORDS)["retired"]
    return [
        (re.compile(rf"(?<![\w-]){row['pattern']}(?![\w-])", re.IGNORECASE), row["instead"]) for row in rows
    ]


def participles() -> frozenset[str]:
    """Words that are no name of a variable or argument."""
    return frozenset(read_yaml(WORDS)["participles"].split())


def user_text() -> Iterator[tuple[Path, int, str]]:
    """File, line number and text of all that a user reads: pages, charts, web pages, strings and docstrings of the code."""
    for pattern in (*_PAGES, *_CHARTS, *_WEB):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and str(path.relative_to(ROOT)) not in _EXCEPT:
                lines = path.read_text(encoding="utf-8").splitlines()
                yield from ((path, number, line) for number, line in enumerate(lines, start=1))
    for folder in PYTHON_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from ((path, line, text) for line, text in _strings(path))


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for offset, line in enumerate(node.value.splitlines()):
                yield node.lineno + offset, line


def retired_words() -> list[RetiredWord]:
    """Every use of a retired word in what a user reads."""
    words = patterns()
    return [
        RetiredWord(path, line, match[0], instead)
        for path, line, text in user_text()
        for pattern, instead in words
        for match in pattern.finditer(text)
    ]
