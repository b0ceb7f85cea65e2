"""From records to labeled texts: empty ones, spellings of labels, duplicates and contradictions. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from signalbox.contracts.labels import ABSTAIN, NEUTRAL, listed, normal_form, same_name
from signalbox.errors import InputError
from signalbox.new_task.columns import Columns
from signalbox.new_task.table import Table
from signalbox.tasks.labels import FEWEST, MOST

_SHOWN_LINES = 5


@dataclass(frozen=True)
class Entry:
    """A labeled text of the file. `family` is what its column says, or None."""

    line: int
    text: str
    label: str
    language: str | None
    family: str | None


def entries_of(table: Table, columns: Columns) -> tuple[list[Entry], list[str]]:
    """The records that have a text and a label, and notes on the others. Raises InputError with the line."""
    entries, without_text, without_label = [], [], []
    for row in table.rows:
        text, label = (
            unicodedata.normalize("NFC", row.cells[i]).strip() for i in (columns.text, columns.label)
        )
        if not text:
            without_text.append(row.line)
        elif not label:
            without_label.append(row.line)
        else:
            where = f"{table.path}:{row.line}"
            language = None
            if columns.language is not None:
                language = _language(f"{where}: language", row.cells[columns.language])
            family = row.cells[columns.family].strip() or None if columns.family is not None else None
            entries.append(
                Entry(row.line, _text(where, text), _label(f"{where}: label", label), language, family)
            )
    left_out = (("text", without_text), ("label", without_label))
    notes = [f"{len(lines)} records without a {part}: {_lines(lines)}" for part, lines in left_out if lines]
    return entries, notes


def one_spelling(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Labels that differ in case only, or in how accents are written, under their most frequent spelling."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        spellings[same_name(entry.label)][entry.label] += 1
    names = {key: counts.most_common(1)[0][0] for key, counts in spellings.items()}
    notes = [
        f"{listed(sorted(counts))} are one label, `{names[key]}`"
        for key, counts in spellings.items()
        if len(counts) > 1
    ]
    return [replace(entry, label=names[same_name(entry.label)]) for entry in entries], notes


def check_labels(table: Table, entries: Sequence[Entry]) -> list[str]:
    """The labels in the order of the file. Raises InputError for a number of labels that a task cannot have."""
    counts = Counter(entry.label for entry in entries)
    if FEWEST <= len(counts) <= MOST:
        return list(counts)
    shown = ", ".join(f"`{label}` ({count})" for label, count in counts.most_common()[-_SHOWN_LINES:])
    hint = (
        f"A task has {FEWEST} to {MOST} labels. Merge rare labels in the file, or name another column: "
        f"--label-column NAME. The rarest are {shown}."
        if counts
        else "The file needs records with a text and a label."
    )
    problem = f"{table.path} has {len(counts)} labels."
    raise InputError("--label-column", len(counts), hint, problem=problem)


def one_of_each(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Each text once. Of a text with different labels, the label of more than half of its records counts, or none."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[" ".join(entry.text.casefold().split())].append(entry)
    single: list[Entry] = []
    duplicates, majorities, ties = [], [], []
    for group in groups.values():
        label, count = Counter(entry.label for entry in group).most_common(1)[0]
        agreeing = [entry for entry in group if entry.label == label]
        if len(agreeing) == len(group):
            duplicates += group[1:]
        elif 2 * count > len(group):
            majorities.append(group)
        else:
            ties.append(group)
            continue
        single.append(agreeing[0])
    notes = (
        [f"{len(duplicates)} duplicates: {_lines(entry.line for entry in duplicates)}"] if duplicates else []
    )
    notes += [
        f"contradiction, the more frequent label counts: {_contradiction(group)}" for group in majorities
    ]
    notes += [f"contradiction, left out: {_contradiction(group)}" for group in ties]
    return sorted(single, key=lambda entry: entry.line), notes


def _contradiction(group: Iterable[Entry]) -> str:
    return ", ".join(f"line {entry.line} `{entry.label}`" for entry in group)


def _lines(lines: Iterable[int]) -> str:
    """Line numbers, shortened."""
    numbers = list(lines)
    shown = ", ".join(map(str, numbers[:_SHOWN_LINES]))
    more = len(numbers) - _SHOWN_LINES
    return f"line{'s' if len(numbers) > 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")


def _text(where: str, text: str) -> str:
    if any(character < " " and character not in "\n\r\t\f\v" for character in text):
        raise InputError(f"{where}: text", text, "Remove the control characters; they come from binary data.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _label(where: str, label: str) -> str:
    try:
        name = normal_form(" ".join(label.split()))
    except ValueError as error:
        hint = f"{str(error).capitalize()}. Correct it, or name another column: --label-column NAME."
        raise InputError(where, label, hint) from error
    if same_name(name) in {same_name(NEUTRAL), same_name(ABSTAIN)}:
        hint = "The name is reserved for an answer without a label. Rename the label, or leave out these records."
        raise InputError(where, label, hint)
    return name


def _language(where: str, cell: str) -> str:
    """The primary subtag of a language tag: `de` of `de-AT`."""
    code = cell.strip().casefold().replace("_", "-").partition("-")[0]
    if not (code.isascii() and code.isalpha() and len(code) in (2, 3)):
        raise InputError(where, cell, "Write a language code of two or three letters, for example en or de.")
    return code
