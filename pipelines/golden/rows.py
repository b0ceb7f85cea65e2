"""The golden rows of a task: its own file, or rows of the test split."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict

from pydantic import ValidationError

from signalbox.contracts.record import Contract, LabeledText, text_sha256
from signalbox.errors import InputError
from signalbox.tasks import Task, load_data

FEWEST_ROWS = 20
FILE = "golden.jsonl"


class GoldenRow(Contract):
    """A text with its label."""

    text: str
    label: str
    language: str

    @property
    def sha256(self) -> str:
        """The hash by which records name the text."""
        return text_sha256(self.text.strip())


def golden_rows(task: Task) -> list[GoldenRow]:
    """`golden.jsonl` of the task's folder, else of each language the first test rows, in turn by label.

    Raises InputError for fewer than 20 rows of a language.
    """
    path = task.folder / FILE
    rows = _of_file(task) if path.exists() else _of_test_split(task)
    for language in task.languages:
        count = sum(row.language == language for row in rows)
        if count < FEWEST_ROWS:
            raise InputError(
                str(path),
                count,
                f"Give at least {FEWEST_ROWS} rows in `{language}`.",
                problem=f"{path}: {count} rows in `{language}`, at least {FEWEST_ROWS} are needed.",
            )
    return rows


def _of_file(task: Task) -> list[GoldenRow]:
    rows = []
    path = task.folder / FILE
    # Not splitlines: a text may contain U+2028, which is no end of a JSON line.
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = GoldenRow.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise InputError(f"{path}:{number}", line, f"Not a labeled text: {error}") from error
        task.language(row.language)
        task.check_label(row.label, f"{path}:{number}: label")
        rows.append(row)
    return rows


def _of_test_split(task: Task) -> list[GoldenRow]:
    by_label: defaultdict[str, defaultdict[str, list[LabeledText]]] = defaultdict(lambda: defaultdict(list))
    for row in load_data(task, "test"):
        by_label[row.language][row.label].append(row)
    return [
        GoldenRow(text=row.text, label=row.label, language=row.language)
        for groups in by_label.values()
        for row in itertools.islice(_in_turn(list(groups.values())), FEWEST_ROWS + len(groups))
    ]


def _in_turn(groups: list[list[LabeledText]]) -> list[LabeledText]:
    columns = itertools.zip_longest(*groups)
    return [row for column in columns for row in column if row is not None]
