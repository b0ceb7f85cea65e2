"""Labels that were entered in a file, matched with their requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from signalbox.contracts.labels import Label, listed, same_name
from signalbox.contracts.requests import LabelRequest, ReviewAction, ReviewState
from signalbox.requests.exchange.rows import SKIP, UNJUDGEABLE, LabeledRow, Rejection, RowsRejected
from signalbox.tasks import Task


@dataclass(frozen=True)
class FileEntry:
    """What a row says about a request."""

    request_id: str
    action: ReviewAction
    label: Label | None


@dataclass(frozen=True)
class Import:
    """New entries, and how many rows change nothing: the same entry is there, or the row has no answer.

    `corrected` of the new ones replace another entry; they never turn a wrong verdict into a right one.
    """

    entries: tuple[FileEntry, ...]
    unchanged: int
    unanswered: int
    corrected: int


def entries_of(rows: Sequence[LabeledRow], states: Iterable[ReviewState], task: Task) -> Import:
    """The entries of a file. Raises RowsRejected with every row that cannot be used."""
    first = {state.request.id: state for state in states if state.slot == 1}
    entries: dict[str, tuple[str, FileEntry]] = {}
    rejections, unanswered, unchanged, corrected = [], 0, 0, 0
    for row in rows:
        entry = _entry(row, first, task)
        if entry is None:
            unanswered += 1
        elif isinstance(entry, Rejection):
            rejections.append(entry)
        elif entry.request_id not in entries:
            entries[entry.request_id] = (row.place, entry)
        elif entries[entry.request_id][1] == entry:
            unchanged += 1
        else:
            hint = f"The answer in {entries[entry.request_id][0]} differs. Keep one row for each id."
            rejections.append(Rejection(row.place, "label", row.label, hint))
    if rejections:
        raise RowsRejected(rejections)
    new = []
    for _, entry in entries.values():
        newest = first[entry.request_id].newest
        if newest is not None and (newest.action, newest.label) == (entry.action, entry.label):
            unchanged += 1
            continue
        corrected += first[entry.request_id].is_done
        new.append(entry)
    return Import(tuple(new), unchanged, unanswered, corrected)


def _entry(row: LabeledRow, states: Mapping[str, ReviewState], task: Task) -> FileEntry | Rejection | None:
    if row.id not in states:
        hint = f"Keep the id of the export; this one is no request of the task {task.name!r}."
        return Rejection(row.place, "id", row.id, hint)
    if not row.label:
        return None
    label = label_of(row.label, states[row.id].request, task)
    if label is not None:
        return FileEntry(row.id, ReviewAction.LABEL, label)
    actions = {SKIP: ReviewAction.SKIP, UNJUDGEABLE: ReviewAction.UNJUDGEABLE}
    if action := actions.get(row.label.casefold()):
        return FileEntry(row.id, action, None)
    hint = f"Use one of {listed(task.answers)}, `{SKIP}` or `{UNJUDGEABLE}`, or leave it empty."
    return Rejection(row.place, "label", row.label, hint)


def label_of(text: str, request: LabelRequest, task: Task) -> Label | None:
    """The label that a cell means: its name or its word in the language of the text, in any case. None: no label."""
    names: dict[str, Label] = {}
    for label in task.answers:
        names.setdefault(same_name(task.word(label, request.language)), label)
    names |= {same_name(label): label for label in task.answers}
    try:
        return names.get(same_name(text)) or task.current(text)
    except ValueError:  # no label can be called like this
        return None
