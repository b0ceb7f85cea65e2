"""Numbers that callers pass as sequences or arrays, checked. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from signalbox.errors import InputError


def finite(field: str, values: Iterable[float]) -> list[float]:
    """Floats of any sequence or array. Raises InputError that names the first one that is not finite."""
    numbers = [float(value) for value in values]
    for index, number in enumerate(numbers):
        if not math.isfinite(number):
            raise InputError(f"{field}[{index}]", number, "Leave out answers without a score.")
    return numbers


def booleans(field: str, values: Iterable[object], count: int) -> list[bool]:
    """Booleans of any sequence or array of 0 and 1 with `count` values. Raises InputError."""
    flags = list(values)
    if len(flags) != count:
        raise InputError(field, len(flags), f"Give one value for each of the {count} labels.")
    for index, flag in enumerate(flags):
        if flag not in (0, 1):
            raise InputError(f"{field}[{index}]", flag, "Use true or false.")
    return [bool(flag) for flag in flags]
