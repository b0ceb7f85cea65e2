"""Write `data.jsonl` from `families.yaml` and `everyday/`: `python tasks/medical/make_data.py`.

The result is committed. `families.yaml` is the tier `hard`, `everyday/` the tier `everyday`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LANGUAGES = ("en", "de")
LABELS = ("yes", "no")
EVERYDAY_SPLITS = ("pool", "calibration", "test")


def rows() -> Iterator[dict[str, Any]]:
    """All rows of the task, in the order of the file."""
    yield from hard(_read("families.yaml"))
    few_shot = _read("everyday/few-shot.yaml")
    yield from ({**row, "tier": "everyday"} for row in _few_shot(few_shot, "everyday-"))
    for split in EVERYDAY_SPLITS:
        yield from everyday(split, _read(f"everyday/{split}.yaml"))
    yield from passages(_read("everyday/passages.yaml"))


def hard(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each sentence and filling."""
    for row in _hard(source):
        yield {**row, "tier": "hard"}


def _hard(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _few_shot(source["few-shot"])
    for split in ("calibration", "test"):
        for family in source[split]:
            for language in LANGUAGES:
                yield from _family(family["name"], split, language, family[language])


def _few_shot(source: dict[str, Any], prefix: str = "") -> Iterator[dict[str, Any]]:
    """Each few-shot sentence is a family of its own; in the tier everyday, its German counterpart is in it."""
    for language in LANGUAGES:
        for label in LABELS:
            for number, text in enumerate(source[language][label], start=1):
                name = f"{prefix}few-shot-{language}-{label}-{number}"
                family = f"{prefix}few-shot-{label}-{number}" if prefix else name
                yield _row(name, "few-shot", language, label, family, text)


def _family(name: str, split: str, language: str, spec: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    for label in LABELS:
        for s, sentence in enumerate(spec[label], start=1):
            for f, filling in enumerate(spec["fill"], start=1):
                text = sentence.replace("{x}", filling)
                yield _row(f"{name}-{language}-{label}-{s}{f}", split, language, label, name, text)


def everyday(split: str, families: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row for each sentence; a family has one label."""
    for family in families:
        name = f"everyday-{family['name']}"
        for language in LANGUAGES:
            for number, text in enumerate(family[language], start=1):
                row = _row(f"{name}-{language}-{number}", split, language, family["label"], name, text)
                yield {**row, "tier": "everyday"}


def passages(source: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """One row for each text of several sentences, with the offsets of the sentence that decides it."""
    for language in LANGUAGES:
        for number, passage in enumerate(source[language], start=1):
            name = f"everyday-passage-{language}-{number:02}"
            sentences, decisive = passage["sentences"], passage["decisive"] - 1
            start = sum(len(sentence) + 1 for sentence in sentences[:decisive])
            row = _row(name, "test", language, passage["label"], name, " ".join(sentences))
            yield {**row, "tier": "everyday", "decisive": [start, start + len(sentences[decisive])]}


def _row(identifier: str, split: str, language: str, label: str, family: str, text: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "text": text,
        "label": label,
        "language": language,
        "family": family,
        "split": split,
    }


def _read(name: str) -> Any:  # noqa: ANN401 - a file is a list or a mapping
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


def main() -> None:
    """Write the file next to this one."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows())
    (HERE / "data.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
