"""From the table of a file to a task: labeled rows with families and splits, and what a person should know. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.contracts.labels import listed, slugs
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.new_task import findings
from signalbox.new_task.columns import Columns, find_columns
from signalbox.new_task.families import families_of
from signalbox.new_task.languages import languages_of
from signalbox.new_task.rows import Entry, check_labels, entries_of, one_of_each, one_spelling
from signalbox.new_task.splits import splits_of
from signalbox.new_task.table import DELIMITERS, Table

_CODE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class Options:
    """What a person names, because the file does not say it."""

    columns: Mapping[str, str | None] = field(default_factory=dict)
    language: str | None = None
    positive: str | None = None


@dataclass(frozen=True)
class Draft:
    """A task that is not written yet. `facts`: how the file was read; `notes`: what was changed; `warnings`: risks."""

    labels: tuple[str, ...]
    languages: tuple[str, ...]
    positive: str | None
    rows: tuple[LabeledText, ...]
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def make_draft(table: Table, options: Options) -> Draft:
    """The task of a table. Raises InputError for columns, languages or labels that are unclear, and for too few rows."""
    columns = find_columns(table, options.columns)
    entries, notes = entries_of(table, columns)
    entries, spelling = one_spelling(entries)
    check_labels(table, entries)
    entries, duplicates = one_of_each(entries)
    labels = check_labels(table, entries)
    languages, guesses = _languages(table, entries, options.language)
    positive = _positive(labels, options.positive)
    rows = _rows(entries, languages, labels)
    findings.check_rows(table.path, rows, labels)
    return Draft(
        labels=tuple(labels),
        languages=tuple(code for code, _ in Counter(languages).most_common()),
        positive=positive,
        rows=tuple(rows),
        facts=tuple(_facts(table, columns)),
        notes=(*notes, *spelling, *duplicates, *guesses),
        warnings=tuple(findings.warnings(rows, labels)),
    )


def _languages(table: Table, entries: Sequence[Entry], choice: str | None) -> tuple[list[str], list[str]]:
    """The language of each text: by option, by column, else by its words."""
    if choice is not None:
        if not _CODE.fullmatch(choice):
            raise InputError("--language", choice, "Write a language code, for example en or de.")
        return [choice] * len(entries), []
    by_column = [entry.language for entry in entries if entry.language is not None]
    if len(by_column) == len(entries):
        return by_column, []
    languages, note = languages_of([entry.text for entry in entries], table.path)
    return languages, [note] if note else []


def _positive(labels: Sequence[str], choice: str | None) -> str | None:
    if choice is None:
        return None
    if len(labels) != 2:
        raise InputError("--positive", choice, f"It is for two labels only; the file has {len(labels)}.")
    if choice not in labels:
        raise InputError("--positive", choice, f"Use one of {listed(labels)}.")
    return choice


def _rows(entries: Sequence[Entry], languages: Sequence[str], labels: Sequence[str]) -> list[LabeledText]:
    texts = [entry.text for entry in entries]
    families = families_of(texts, [entry.family for entry in entries])
    cells = [(entry.label, language) for entry, language in zip(entries, languages, strict=True)]
    splits, names = splits_of(families, cells, texts), slugs(labels)
    return [
        LabeledText(
            id=f"{names[entry.label]}-{language}-{entry.line}",
            text=entry.text,
            label=entry.label,
            language=language,
            family=f"line-{entries[family].line}",
            split=split,
        )
        for entry, language, family, split in zip(entries, languages, families, splits, strict=True)
    ]


def _facts(table: Table, columns: Columns) -> list[str]:
    parts = {name: getattr(columns, name) for name in ("text", "label", "language", "family")}
    used = [
        f"{name} = `{table.columns[index]}` ({columns.reasons[name]})"
        for name, index in parts.items()
        if index is not None
    ]
    delimiter = DELIMITERS[table.delimiter]
    return [
        f"{table.path}: {len(table.rows)} records, {table.encoding}, {delimiter} between cells",
        f"columns: {', '.join(used)}",
    ]
