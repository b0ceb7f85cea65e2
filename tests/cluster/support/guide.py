"""The commands of a guide, as the test of it runs them: fenced bash blocks, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+?) -->\n)?^```bash\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_INSTALL = re.compile(r"^(helm (?:install|upgrade) \S+ \S+)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands of one shell; `reason` says why a test cannot run them, and is empty if it can."""

    text: str
    reason: str

    def with_values(self, values: Path) -> str:
        """The commands, with one more values file for each installation or upgrade."""
        return _INSTALL.sub(rf"\1 --values {values}", self.text)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(match["text"], match["reason"] or "") for match in _BLOCK.finditer(text)]
