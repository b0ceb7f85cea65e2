"""Every `make TARGET` that code, templates, documentation and generated headers name is a target of the Makefile."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
# Prose has the verb "make", too. A command is quoted, follows a colon or "run", or starts a line of a code block.
COMMAND = re.compile(r"(?:[`'\"]|: |\b[Rr]un |\$ )make ([a-z][a-z-]*)\b")
FENCED = re.compile(r"^```[^`\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND_LINE = re.compile(r"^\s*make ([a-z][a-z-]*)\b", re.MULTILINE)
SUFFIXES = {"", ".cfg", ".json", ".md", ".py", ".sh", ".toml", ".tpl", ".txt", ".yaml", ".yml"}
LARGEST = 500_000


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every source file; hidden folders hold caches and environments, except .ci."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") or name == ".ci"]
        for path in (Path(folder, name) for name in files):
            if path.suffix in SUFFIXES and path.stat().st_size < LARGEST:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")


def named_targets(text: str) -> set[str]:
    blocks = "\n".join(FENCED.findall(text))
    return {*COMMAND.findall(text), *COMMAND_LINE.findall(blocks)}


def test_every_target_named_anywhere_exists():
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    unknown = {path: missing for path, text in texts() if (missing := named_targets(text) - targets)}
    assert unknown == {}


def test_commands_are_told_from_prose():
    text = "These make the tests slow. Run `make test`, or: make lint\n```bash\nmake demo PORT=1\n```\n"
    assert named_targets(text) == {"test", "lint", "demo"}
