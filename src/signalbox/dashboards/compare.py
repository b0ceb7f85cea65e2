"""Differences between a generated board and the one in Grafana. Pure.

Grafana adds defaults and upgrades `schemaVersion` when it reads a board, so only what the generated board states is
compared: an empty value states nothing. Lists are compared in whole: a panel that someone added is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Board = dict[str, Any]

# What Grafana counts itself.
_OF_GRAFANA = frozenset({"id", "version", "schemaVersion", "iteration"})
_MOST_CHARACTERS = 60


def differences(generated: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """A line for each difference, as `path: stored → generated`; empty if there is none."""
    own = {name: value for name, value in generated.items() if name not in _OF_GRAFANA}
    return list(_compare(own, stored, ""))


def _compare(generated: Any, stored: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    if generated is None or generated in ("", [], {}):
        return
    if isinstance(generated, Mapping) and isinstance(stored, Mapping):
        for name, value in generated.items():
            yield from _compare(value, stored.get(name), f"{path}.{name}" if path else name)
    elif isinstance(generated, list) and isinstance(stored, list):
        yield from _compare_lists(generated, stored, path)
    elif generated != stored:
        yield f"{path}: {_shown(stored)} → {_shown(generated)}"


def _compare_lists(generated: list[Any], stored: list[Any], path: str) -> Iterator[str]:
    if len(generated) != len(stored):
        names = [f"{len(stored)} → {len(generated)} entries"]
        mine, theirs = set(map(_name, generated)), set(map(_name, stored))
        names += [f"without {_shown(name)}" for name in sorted(theirs - mine)]
        names += [f"with {_shown(name)}" for name in sorted(mine - theirs)]
        yield f"{path}: {', '.join(names)}"
        return
    for index, (value, other) in enumerate(zip(generated, stored, strict=True)):
        yield from _compare(value, other, f"{path}[{_label(value, index)}]")


def _name(entry: Any) -> str:  # noqa: ANN401 - JSON
    keys = ("title", "name", "refId", "expr")
    names = [entry[key] for key in keys if entry.get(key)] if isinstance(entry, Mapping) else [entry]
    return str(names[0]) if names else "an entry without a name"


def _label(entry: Any, index: int) -> str:  # noqa: ANN401 - JSON
    title = entry.get("title") or entry.get("name") if isinstance(entry, Mapping) else None
    return str(title or index)


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
