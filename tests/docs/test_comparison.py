"""The comparison page: each mark of its table links to the file that shows it, and its form is what it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "comparison.md"

#: Which labels a column may use, and the repositories that their links lead to.
PROJECTS: dict[str, dict[str, str]] = {
    "GPUStack": {"gs": "gpustack/gpustack"},
    "LLMKube": {"lk": "defilantech/LLMKube"},
    "llm-d": {"ld": "llm-d/llm-d", "lm": "llm-d-incubation/llm-d-modelservice"},
    "KServe": {"ks": "kserve/kserve"},
    "production-stack": {"ps": "vllm-project/production-stack"},
    "ollama-helm": {"oh": "otwld/ollama-helm"},
}
REPOSITORIES = {prefix: place for labels in PROJECTS.values() for prefix, place in labels.items()}
MARKS = {"yes", "partial", "no", "not seen"}
#: A page that a reader finishes: rows, and lines without the definitions of the links.
MOST_ROWS = 12
MOST_LINES = 100

OWN_CELL = re.compile(r"\[([a-z ]+)\]\(([^)\s]+)\)")
PEER_CELL = re.compile(r"\[([a-z ]+)\]\[([a-z]{2})-[a-z0-9]+\]")
DEFINITION = re.compile(r"^\[([a-z]{2}-[a-z0-9]+)\]: (\S+)$", re.MULTILINE)
PINNED = re.compile(
    r"https://github\.com/([^/]+/[^/]+)/(?:blob|tree)/(?:[0-9a-f]{40}|v\d+\.\d+\.\d+)(?:/\S+)?"
)


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each feature, in the tables that have a column for Signalbox."""
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if "Signalbox" in cells:
            inside = True
            assert cells == ["feature", "Signalbox", *PROJECTS], f"columns: {cells}"
        elif not cells:
            inside = False
        elif inside and not set(line) <= set("|-: "):
            yield cells


def wrong_definitions(text: str) -> Iterator[str]:
    """Labels that are defined twice, lead to no commit or release, or to another project's repository."""
    defined = DEFINITION.findall(text)
    if len(defined) != len(dict(defined)):
        yield "a label is defined twice"
    for label, place in defined:
        pinned = PINNED.fullmatch(place)
        if not pinned:
            yield f"{label}: {place} names no commit or release"
        elif pinned.group(1) != REPOSITORIES.get(label[:2]):
            yield f"{label}: {pinned.group(1)} is not its project"


def wrong_labels(text: str) -> Iterator[str]:
    """Labels that are used and not defined, or defined and not used."""
    defined = {label for label, _ in DEFINITION.findall(text)}
    used = set(re.findall(r"\]\[([^\]]+)\]", text))
    yield from (f"{label} is not defined" for label in sorted(used - defined))
    yield from (f"{label} is not used" for label in sorted(defined - used))


def wrong_cells(text: str) -> Iterator[str]:
    """Cells that are no mark of the legend with a link, or that show another project's file."""
    for feature, own, *others in rows(text):
        cell = OWN_CELL.fullmatch(own)
        if not cell or cell.group(1) not in MARKS - {"not seen"}:
            yield f"{feature}: Signalbox: {own} is not a mark with a file of this repository"
        if len(others) != len(PROJECTS):
            yield f"{feature}: {len(others)} cells for {len(PROJECTS)} projects"
        for (project, labels), other in zip(PROJECTS.items(), others, strict=False):
            cell = PEER_CELL.fullmatch(other)
            if not cell or cell.group(1) not in MARKS:
                yield f"{feature}: {project}: {other} is not a mark with a label"
            elif cell.group(2) not in labels:
                yield f"{feature}: {project}: {other} is another project's file"


def unexplained_partials(text: str) -> Iterator[str]:
    """Projects whose paragraph has not one clause for each "partial" of their column."""
    section = text.split("## Partial support", 1)[1].split("\n## ", 1)[0]
    clauses = {
        project: len(paragraph.split(";"))
        for project, paragraph in re.findall(
            r"^\*\*(.+?)\*\*:(.+?)\n\n", section + "\n", re.MULTILINE | re.DOTALL
        )
    }
    for number, project in enumerate(["Signalbox", *PROJECTS], start=1):
        partials = sum(row[number].startswith("[partial]") for row in rows(text) if number < len(row))
        if clauses.get(project, 0) != partials:
            yield f"{project}: {clauses.get(project, 0)} clauses for {partials} partials"


def wrong_links(text: str, folder: Path) -> Iterator[str]:
    """Links to files of this repository or sections of the page that are not there."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    sections = {heading.lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            if target[1:] not in sections:
                yield f"{target}: no such section"
        elif not (folder / target).exists():
            yield f"{target}: no such file"


def faults(text: str, folder: Path) -> list[str]:
    """What is wrong with the page, one line each."""
    return [
        *wrong_definitions(text),
        *wrong_labels(text),
        *wrong_cells(text),
        *unexplained_partials(text),
        *wrong_links(text, folder),
    ]


def test_no_feature_is_listed_twice() -> None:
    features = [feature for feature, *_ in rows(PAGE.read_text())]
    assert len(features) == len(set(features))


def test_every_mark_links_to_a_file() -> None:
    text = PAGE.read_text()
    assert 10 <= len(list(rows(text))) <= MOST_ROWS
    assert faults(text, PAGE.parent) == []


def test_the_legend_explains_every_mark() -> None:
    legend = PAGE.read_text().split("| mark | meaning |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| ([a-z ]+) \|", legend, re.MULTILINE)) == MARKS


def test_the_page_shows_what_signalbox_does_not_have() -> None:
    marks = [match.group(1) for _, own, *_ in rows(PAGE.read_text()) if (match := OWN_CELL.fullmatch(own))]
    assert {"no", "partial"} <= set(marks)


def test_the_page_stays_short_enough_to_read() -> None:
    assert len(DEFINITION.sub("", PAGE.read_text()).strip().splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("| [no][ks-types] |", "| no |", "no is not a mark with a label"),
        ("| [no][ks-types] |", "| [maybe][ks-types] |", "is not a mark with a label"),
        ("| [no][ks-types] |", "| [no][ps-values] |", "is another project's file"),
        ("| [no][ks-types] |", "| [no][ks-nowhere] |", "ks-nowhere is not defined"),
        ("| [no][ks-types] |", "|", "5 cells for 6 projects"),
        ("](../concepts/traffic-light.md)", "](../concepts/lamp.md)", "lamp.md: no such file"),
        ("[yes](../concepts/traffic-light.md)", "yes", "is not a mark with a file of this repository"),
        ("kserve/blob/v0.20.0/", "kserve/blob/master/", "names no commit or release"),
        ("github.com/kserve/kserve/blob", "github.com/a/b/blob", "is not its project"),
        ("**KServe**: ", "KServe: ", "KServe: 0 clauses for"),
        ("; drift as a sample", ", drift as a sample", "clauses for"),
        ("(#partial-support)", "(#partial)", "#partial: no such section"),
    ],
)
def test_a_page_with_a_fault_is_rejected(old: str, new: str, fault: str) -> None:
    text = PAGE.read_text()
    assert old in text
    assert any(fault in line for line in faults(text.replace(old, new, 1), PAGE.parent))
