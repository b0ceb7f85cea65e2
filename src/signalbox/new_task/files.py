"""Writing a new task: `task.yaml` and `data.jsonl`, read back before they are put in place."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from signalbox.contracts.labels import same_name
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.io import write_whole
from signalbox.new_task.draft import Draft
from signalbox.new_task.prompts import wording
from signalbox.tasks import Task, load_data, load_task

_MOST_TURNS = 8
_TURN_CHARACTERS = 300
_DEFAULT_CHARACTERS = 4000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_FILES = ("task.yaml", "data.jsonl")


class _Dumper(yaml.SafeDumper):
    """Writes as a person does: a prompt line by line, a list of words in one line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    is_short = all(isinstance(item, str) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def task_folder(tasks: Path, name: str) -> Path:
    """The folder of a task. Raises InputError for a name that is none."""
    if not _NAME.fullmatch(name):
        raise InputError("--name", name, "Use lower-case letters, digits and hyphens: --name NAME.")
    return tasks / name


def write_task(draft: Draft, folder: Path, title: str, *, overwrite: bool = False) -> Task:
    """Write the files of a task into a folder. Raises InputError where they exist, or where they would be invalid."""
    if not overwrite and (existing := [name for name in _FILES if (folder / name).exists()]):
        hint = "Choose another --name, or replace the files with --overwrite."
        raise InputError("--name", folder.name, hint, problem=f"{folder / existing[0]} exists.")
    contents = {"task.yaml": task_yaml(draft, folder.name, title), "data.jsonl": data_jsonl(draft.rows)}
    _check(contents, folder.name)
    try:
        for name, content in contents.items():
            write_whole(folder / name, content)
    except OSError as error:
        hint = "Choose a folder that you may write to: --tasks FOLDER."
        raise InputError(
            "--tasks", str(folder.parent), hint, problem=f"{folder}: {error.strerror}."
        ) from error
    return load_task(folder)


def _check(contents: dict[str, str], name: str) -> None:
    """Raise InputError for files that no service could read, before existing ones are replaced."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        for file, content in contents.items():
            write_whole(folder / file, content)
        load_data(load_task(folder))


def data_jsonl(rows: Sequence[LabeledText]) -> str:
    """One row per line."""
    lines = [row.model_dump_json(exclude={"tier", "decisive"}) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def task_yaml(draft: Draft, name: str, title: str) -> str:
    """The content of `task.yaml`."""
    letters = needs_letters(draft.labels)
    spec: dict[str, Any] = {
        "name": name,
        "title": dict.fromkeys(draft.languages, title),
        "question": {code: wording(code).question for code in draft.languages},
    }
    if letters:
        spec["answer"] = "letters"
    if draft.positive is not None:
        spec["positive_label"] = draft.positive
    longest = max(len(row.text) for row in draft.rows)
    if longest > _DEFAULT_CHARACTERS:
        spec["max_input_characters"] = -(-longest // 1000) * 1000
    spec["labels"] = [
        {"name": label, "words": {code: [label] for code in draft.languages}} for label in draft.labels
    ]
    spec["languages"] = {
        code: {
            "system": wording(code).system_with_letters if letters else wording(code).system,
            "turns": _turns(draft, code),
        }
        for code in draft.languages
    }
    return yaml.dump(spec, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def needs_letters(labels: Sequence[str]) -> bool:
    """Whether two labels begin with the same word: a decoder's first word would not tell them apart."""
    first_words = [re.split(r"[\W_]+", same_name(label))[0] for label in labels]
    return len(set(first_words)) < len(labels) or any(
        one != other and other.startswith(one) for one in first_words for other in first_words
    )


def _turns(draft: Draft, language: str) -> list[dict[str, str]]:
    """For each label the shortest text to learn from; a long prompt would slow each answer."""
    turns = []
    for label in draft.labels[:_MOST_TURNS]:
        texts = [
            row.text
            for row in draft.rows
            if (row.label, row.language, row.split) == (label, language, "few-shot")
            and len(row.text) <= _TURN_CHARACTERS
        ]
        if texts:
            turns.append({"text": min(texts, key=lambda text: (len(text), text)), "label": label})
    return turns
