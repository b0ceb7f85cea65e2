"""Length of sentences in Markdown pages."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`*\[(])|\n{2,}|\n(?=[-*#|>]|\d+\. )")
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def sentence_lengths(markdown: str) -> list[int]:
    """Words of each sentence, list item and paragraph end; code, tables, headings and comments are left out."""
    text = _FENCE.sub("\n\n", re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL))
    text = _LINK.sub(r"\1", text)
    sentences = [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]
    prose = [part for part in sentences if not part.startswith(("#", "|", "!"))]
    return [len(part.split()) for part in prose if len(part.split()) > 2]
