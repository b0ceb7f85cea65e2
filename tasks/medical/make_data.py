"""Write `data.jsonl` from `families.yaml`: `python tasks/medical/make_data.py`. The result is committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LANGUAGES = ("en", "de")
LABELS = ("yes", "no")


def rows(source: dict[str, Any]) -> Iterator[dict[str, str]]:
    """One row for each sentence and filling; each few-shot sentence is a family of its own."""
    for language in LANGUAGES:
        for label in LABELS:
            for number, text in enumerate(source["few-shot"][language][label], start=1):
                family = f"few-shot-{language}-{label}-{number}"
                yield _row(family, "few-shot", language, label, family, text)
    for split in ("calibration", "test"):
        for family in source[split]:
            for language in LANGUAGES:
                yield from _family(family["name"], split, language, family[language])


def _family(name: str, split: str, language: str, spec: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    for label in LABELS:
        for s, sentence in enumerate(spec[label], start=1):
            for f, filling in enumerate(spec["fill"], start=1):
                text = sentence.replace("{x}", filling)
                yield _row(f"{name}-{language}-{label}-{s}{f}", split, language, label, name, text)


def _row(identifier: str, split: str, language: str, label: str, family: str, text: str) -> dict[str, str]:
    return {
        "id": identifier,
        "text": text,
        "label": label,
        "language": language,
        "family": family,
        "split": split,
    }


def main() -> None:
    """Write the file beside this one."""
    source = yaml.safe_load((HERE / "families.yaml").read_text(encoding="utf-8"))
    lines = (json.dumps(row, ensure_ascii=False) for row in rows(source))
    (HERE / "data.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
