"""The commands of a guide, as its test and `make demo-cluster` run them: fenced bash blocks, in order.

A block that nothing can run has a line above it with the reason: `<!-- not run: needs a GPU -->`.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^>]+?) -->\n)?^(?P<indent> *)```bash\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INSTALL = re.compile(r"^(helm (?:install|upgrade) \S+ \S+)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands of one shell; `reason` says why a test cannot run them, and is empty if it can."""

    text: str
    reason: str
    line: int

    def with_values(self, *values: Path) -> str:
        """The commands, with more values files for each installation or upgrade."""
        return _INSTALL.sub(r"\1" + "".join(f" --values {path}" for path in values), self.text)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            textwrap.dedent(match["text"]),
            match["reason"] or "",
            text.count("\n", 0, match.start("text")) + 1,
        )
        for match in _BLOCK.finditer(text)
    ]
