"""Which column of a file has the texts, the labels, the languages and the families: by option, name or content."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from signalbox.contracts.labels import listed, same_name
from signalbox.errors import InputError
from signalbox.new_task.table import Table
from signalbox.tasks.labels import FEWEST, MOST

# Names that a column has in English and German files; the first match in this order is used.
NAMES: Mapping[str, tuple[str, ...]] = {
    "text": (
        *("text", "texts", "sentence", "message", "content", "body", "description", "ticket", "input"),
        *("satz", "nachricht", "inhalt", "beschreibung", "anliegen"),
    ),
    "label": (
        *("label", "labels", "class", "category", "target", "intent", "topic", "type"),
        *("klasse", "kategorie", "thema", "typ", "art", "ergebnis"),
    ),
    "language": ("language", "lang", "locale", "sprache"),
    "family": ("family", "group", "familie", "gruppe"),
}


@dataclass(frozen=True)
class Columns:
    """Indices of the columns, and for each how it was recognized."""

    text: int
    label: int
    language: int | None
    family: int | None
    reasons: Mapping[str, str]


def find_columns(table: Table, options: Mapping[str, str | None]) -> Columns:
    """The columns of a table; `options` are names or numbers of columns. Raises InputError where they are unclear."""
    indices: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for part, names in NAMES.items():
        if (choice := options.get(part)) is not None:
            indices[part], reasons[part] = _named(table, part, choice), "by option"
        elif (index := _by_name(table, names, indices.values())) is not None:
            indices[part], reasons[part] = index, "by name"
    for part in ("label", "text"):
        if part not in indices:
            indices[part] = _by_content(table, part, indices)
            reasons[part] = "by content"
    if indices["text"] == indices["label"]:
        column = table.columns[indices["text"]]
        raise InputError("--label-column", column, "Texts and labels need a column each.")
    return Columns(indices["text"], indices["label"], indices.get("language"), indices.get("family"), reasons)


def _named(table: Table, part: str, choice: str) -> int:
    """A column by its name, else by its number from 1."""
    keys = [same_name(name) for name in table.columns]
    if same_name(choice.strip()) in keys:
        return keys.index(same_name(choice.strip()))
    if choice.isdecimal() and 1 <= int(choice) <= len(table.columns):
        return int(choice) - 1
    hint = f"The columns of {table.path} are {listed(table.columns)}."
    raise InputError(f"--{part}-column", choice, hint)


def _by_name(table: Table, names: Sequence[str], others: Collection[int]) -> int | None:
    keys = {same_name(name): index for index, name in enumerate(table.columns) if index not in others}
    return next((keys[name] for name in names if name in keys), None)


def _by_content(table: Table, part: str, indices: Mapping[str, int]) -> int:
    """The only column whose cells look like labels, or the one with the longest cells."""
    free = [index for index in range(len(table.columns)) if index not in indices.values()]
    cells = {index: [row.cells[index].strip() for row in table.rows] for index in free}
    if part == "label":
        free = [index for index in free if _looks_like_labels(cells[index])]
        # The texts are the longest cells; what is left of them must be one column.
        if len(free) == 1:
            return free[0]
    elif free:
        lengths = {index: fmean(map(len, cells[index])) if cells[index] else 0.0 for index in free}
        longest = max(free, key=lambda index: lengths[index])
        if all(lengths[longest] > 2 * lengths[index] for index in free if index != longest):
            return longest
    raise InputError(
        f"--{part}-column",
        None,
        f"Name it: --{part}-column NAME. The columns are {listed(table.columns)}. "
        "If the first line is no header, add --no-header and use numbers.",
        problem=f"It is unclear which column of {table.path} has the {part}s.",
    )


def _looks_like_labels(cells: Sequence[str]) -> bool:
    """A few different values, each of them repeated on average."""
    values = {same_name(cell) for cell in cells if cell}
    return FEWEST <= len(values) <= MOST and len(values) <= len(cells) / 2
