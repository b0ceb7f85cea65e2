"""Fields of one line of a boot log: regular expressions to typed values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from signalbox.capacity.units import GIB, MIB

Values = dict[str, Any]
_UNITS = {"K": 2**10, "M": MIB, "G": GIB, "T": 2**40}
_ERROR_CHARACTERS = 300


def match_fields(table: Iterable[re.Pattern[str]], line: str) -> Values:
    """All fields that the table finds in a line; the text None is no value."""
    values: Values = {}
    for pattern in table:
        if match := pattern.search(line):
            values |= {
                field: _value(field, text)
                for field, text in match.groupdict().items()
                if text is not None and text != "None"
            }
    return values


def _value(field: str, text: str) -> float | bool | str:
    if field.endswith("_bytes"):
        return parse_bytes(text)
    if field in ("memory_utilization", "max_concurrency"):
        return float(text)
    if field in _TRUTHS:
        return text == _TRUTHS[field]
    if field in _NUMBERS:
        return int(text.replace(",", ""))
    return text


_TRUTHS = {"eager": "True", "cold": "Compiling a graph for", "unified": "true"}
_NUMBERS = frozenset(
    (
        "context",
        "concurrency",
        "batched_tokens",
        "tensor_parallel",
        "pipeline_parallel",
        "kv_tokens",
        "kv_blocks",
    )
)


def parse_bytes(text: str) -> int:
    """Bytes of a size with its unit. Both engines print GB and GiB for 2**30, and some locales a comma."""
    unit = text.rstrip("iB")[-1]
    return round(float(text.partition(unit)[0].replace(",", ".")) * _UNITS[unit])


def first_match(table: Iterable[re.Pattern[str]], line: str) -> str | None:
    """The text of the first pattern that occurs, to the end of the line."""
    text = next((match.group() for pattern in table if (match := pattern.search(line))), None)
    if text is None:
        return None
    return text if len(text) <= _ERROR_CHARACTERS else f"{text[: _ERROR_CHARACTERS - 1].rstrip()}…"
