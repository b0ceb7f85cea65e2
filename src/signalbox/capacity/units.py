"""Units, rounding and version numbers: written once, used by every part of the planner."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

GIB = 2**30
MIB = 2**20

_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def ceil_div(number: int, divisor: int) -> int:
    """The quotient rounded up. Exact for integers of any size, which `math.ceil(a / b)` is not."""
    return -(-number // divisor)


def round_up(number: int, step: int) -> int:
    """The smallest multiple of `step` that is not below `number`."""
    return ceil_div(number, step) * step


def parse_version(text: str) -> Version:
    """The release that a version or an image tag names; raises InvalidVersion when it has no number.

    Engines do not all follow PEP 440: llama.cpp counts builds (b11434 is release 11434), tags have prefixes and
    suffixes (v0.24.0, 3.3.5-rocm). A pre-release compares as its release: it has the release's memory behavior.
    """
    match = _RELEASE.search(text)
    if match is None:
        raise InvalidVersion(f"no version number in {text!r}")
    return Version(match.group())
