"""Predicted against measured, case by case: `python -m tools.capacity.cases [FILES]`.

`--held-out` prints the accuracy on boots that no constant was read from. Without files, the repository's own cases are compared and docs/reference/capacity-cases.md is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tools.capacity.case_report import held_out, report
from tools.capacity.case_results import own_rows, predict_cases
from tools.capacity.case_rows import read

PAGE = Path("docs/reference/capacity-cases.md")


def page() -> str:
    """docs/reference/capacity-cases.md."""
    return report(*predict_cases(own_rows()))


def main(arguments: Sequence[str]) -> None:
    """Print the report; without arguments, write the page too. --held-out prints the errors of the test boots only."""
    if list(arguments) == ["--held-out"]:
        sys.stdout.write(held_out(predict_cases(own_rows())[0]))
        return
    text = report(*predict_cases(read(Path(name) for name in arguments))) if arguments else page()
    if not arguments:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
