"""Write `data.jsonl` from `families.yaml`: `python tasks/tickets/make_data.py`. The result is committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LANGUAGES = ("en", "de")


def rows(source: dict[str, Any]) -> Iterator[dict[str, str]]:
    """One row for each ticket; each few-shot ticket is a family of its own."""
    for language in LANGUAGES:
        for label, texts in source["few-shot"][language].items():
            for number, text in enumerate(texts, start=1):
                family = f"few-shot-{language}-{label}-{number}"
                yield _row(family, "few-shot", language, label, family, text)
    for split in ("calibration", "test"):
        for family in source[split]:
            yield from _family(family, split)


def _family(family: dict[str, Any], split: str) -> Iterator[dict[str, str]]:
    name = family["name"]
    for language in LANGUAGES:
        for label, texts in family[language].items():
            for number, text in enumerate(texts, start=1):
                yield _row(f"{name}-{language}-{label}-{number}", split, language, label, name, text)


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
    """Write the file next to this one."""
    source = yaml.safe_load((HERE / "families.yaml").read_text(encoding="utf-8"))
    lines = (json.dumps(row, ensure_ascii=False) for row in rows(source))
    (HERE / "data.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
