"""Links in the Markdown pages of the repository lead to files and headings that exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folders of tools, caches and environments.
SKIPPED = {".git", ".venv", ".ruff_cache", ".mypy_cache", ".pytest_cache", "node_modules", "build", "run"}

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
# `[file](path.py): `name`, `name``: what a reader finds in a module.
NAMES = re.compile(r"\]\((\S+\.py)\): ((?:`\w+`(?:, )?)+)")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def pages() -> list[Path]:
    """Every Markdown file of the repository."""
    return sorted(path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts[:-1]))


def targets(text: str) -> Iterator[str]:
    """Targets of the links inside the repository; code is left out."""
    for link in LINK.finditer(CODE.sub("", FENCE.sub("", text))):
        target = link[1] or link[2]
        if not EXTERNAL.match(target):
            yield target


@cache
def anchors(path: Path) -> frozenset[str]:
    """Anchors that GitHub gives to the headings of a page."""
    headings = HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(word.replace(" ", "-") for word in words)


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere, one line each."""
    faults = []
    for target in targets(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            faults.append(f"{target}: no such file")
        elif not path.is_relative_to(ROOT):
            faults.append(f"{target}: outside the repository")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            faults.append(f"{target}: no such heading")
    return faults


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken(page) == []


def test_the_architecture_names_functions_that_exist() -> None:
    page = ROOT / "docs" / "concepts" / "architecture.md"
    modules = NAMES.findall(page.read_text(encoding="utf-8"))
    assert len(modules) >= 2
    for module, names in modules:
        code = (page.parent / module).read_text(encoding="utf-8")
        missing = [name for name in re.findall(r"\w+", names) if f"\ndef {name}(" not in code]
        assert missing == [], module


@pytest.mark.parametrize("folder", ["guides", "concepts", "decisions", "reference"])
def test_the_index_lists_every_page(folder: str) -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / target).resolve() for target in targets(index.read_text(encoding="utf-8"))}
    assert set((ROOT / "docs" / folder).glob("*.md")) <= listed


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_code_block_names_its_language(page: Path) -> None:
    fences = re.findall(r"^ *```(\S*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert all(fences[::2]), "a code block without a language"
    assert not any(fences[1::2]), "a code block without an end"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](missing.md)", "missing.md: no such file"),
        ("[a](page.md#nowhere)", "page.md#nowhere: no such heading"),
        ("[a](#nowhere)", "#nowhere: no such heading"),
        ("[a][b]\n\n[b]: missing.md", "missing.md: no such file"),
        ("[a](../../../etc)", "../../../etc: "),
        ("[a](page.md#the-title)", None),
        ("[a](https://example.org/missing.md)", None),
        ("```text\n[a](missing.md)\n```", None),
        ("`[a](missing.md)`", None),
    ],
)
def test_a_broken_link_is_reported(
    text: str, fault: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.docs.test_links.ROOT", tmp_path)
    (tmp_path / "page.md").write_text(f"# The title!\n{text}\n", encoding="utf-8")
    faults = broken(tmp_path / "page.md")
    assert [line.startswith(fault) for line in faults] == ([True] if fault else [])
