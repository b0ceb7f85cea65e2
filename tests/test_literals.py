"""Labels are data: no code spells yes or no, but where a task of the first version is read."""

import ast
from pathlib import Path

PARTS = ("src", "services", "pipelines", "local", "tools", "benchmarks")

# The binary special case and what reads rows of the first version.
BINARY = {"src/signalbox/contracts/labels.py"}
# Words of tables and of environment variables, which are no labels.
NO_LABELS = {
    "src/signalbox/artifacts/catalogue/index_settings.py",
    "src/signalbox/artifacts/catalogue/listing.py",
    "src/signalbox/capacity/cli/show_plan.py",
    "tools/capacity/case_report.py",
}
# Still to be emptied: each entry goes when its file works for any labels.
REMAINING: set[str] = set()


def files_with_literals() -> set[str]:
    """Files with a string `yes` or `no`, in Python and in the page's templates."""
    files = set()
    for path in (path for part in PARTS for path in Path(part).rglob("*.py")):
        literals = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if literals & {"yes", "no"}:
            files.add(path.as_posix())
    for path in Path("services").rglob("*.html"):
        if "words.yes" in (text := path.read_text(encoding="utf-8")) or "words.no" in text:
            files.add(path.as_posix())
    return files


def test_yes_and_no_are_spelled_in_one_place() -> None:
    assert files_with_literals() - BINARY - NO_LABELS - REMAINING == set()


def test_the_list_of_exceptions_only_shrinks() -> None:
    assert (BINARY | NO_LABELS | REMAINING) - files_with_literals() == set()
