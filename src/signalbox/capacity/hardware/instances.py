"""Cloud machines by name: their GPU and how many of them, from data/instances.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from signalbox.capacity.datafile import read
from signalbox.errors import InputError

_INSTANCE = re.compile(r"^(standard_|[agp]\d\w*[.-])", re.IGNORECASE)


@cache
def _instances() -> Mapping[str, tuple[int, str]]:
    """Count and GPU by the name in lower case."""
    table: dict[str, tuple[int, str]] = {}
    for provider in read("instances.yaml"):
        for name, row in (provider.get("names") or {}).items():
            table[name.lower()] = (row["count"], row["gpu"])
        for family, row in (provider.get("sizes") or {}).items():
            counts = {size: count for size, count in row.items() if size != "gpu"}
            table |= {f"{family}{size}".lower(): (count, row["gpu"]) for size, count in counts.items()}
    return table


def instance(name: str) -> tuple[int, str] | None:
    """Count and GPU of a machine; None for a name of no known machine."""
    return _instances().get(name.strip().lower())


def check_not_instance(name: str, field: str) -> None:
    """Raise InputError for the name of a machine of a known family that the table lacks."""
    text = name.strip().lower()
    family = re.split(r"[.-]", text)[0]
    if not _INSTANCE.match(text):
        return
    family_names = sorted(row for row in _instances() if re.split(r"[.-]", row)[0] == family)
    if family_names:
        problem = f"unknown machine `{name}` (`{field}`)"
        raise InputError(field, name, f"known of this family: {', '.join(family_names)}", problem=problem)
