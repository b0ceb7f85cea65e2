"""The readable report of the drift job, by Evidently: each column next to its reference. Our tests decide, not its own.

Evidently is optional: its import takes seconds and its packages 700 MB.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.drift.comparison import Comparison, Verdict
from pipelines.samples import Sample
from pipelines.windows import ALL, Group, Pair
from signalbox.errors import SetupError
from signalbox.io import write_whole

# Evidently is imported when a report is written.
# ruff: noqa: PLC0415

MOST_ROWS = 20_000  # a side: the report has a drawing of each column, not every row
_NUMBERS = ("output", "input_characters")
_LABELS = ("verdict", "candidate_light", "outcome")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_HINT = "Install it with `uv pip install 'signalbox-pipelines[evidently]'`, or leave out --html."


def check_installed() -> None:
    """Raise SetupError where Evidently is missing, before anything is computed."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        import evidently  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "`--html` needs the package evidently, which is not installed, or its pandas is 3.1 or newer.",
            hint=_HINT,
        ) from error


def write_reports(
    folder: Path, task: str, pairs: Mapping[Group, Pair], comparisons: Sequence[Comparison]
) -> list[Path]:
    """Write a page for each group with columns on both sides. Returns the paths."""
    return [
        path
        for group in sorted(pairs)
        if (path := _write(folder, task, group, pairs[group], [c for c in comparisons if c.group == group]))
    ]


def _write(
    folder: Path, task: str, group: Group, pair: Pair, comparisons: Sequence[Comparison]
) -> Path | None:
    """None where the windows share no column."""
    columns = shared_columns(pair)
    if not columns:
        return None
    parts = ("drift", task, group.route, group.language, "" if group.release == ALL else group.release)
    name = _NOT_IN_A_NAME.sub("-", "-".join(filter(None, parts)))[:150]
    path = folder / f"{name}.html"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, _with_verdicts(_page(pair, columns), comparisons))
    return path


def shared_columns(pair: Pair) -> dict[str, str]:
    """Columns that both windows have under the same thresholds, with those. Another calibration would look like drift."""
    columns = {}
    for name in (*_NUMBERS, *_LABELS):
        both = pair.reference.thresholds(name) & pair.current.thresholds(name)
        if both:
            columns[name] = max(sorted(both), key=lambda digest: len(pair.current.column(name, digest)))
    return columns


def _page(pair: Pair, columns: Mapping[str, str]) -> str:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(
        numerical_columns=[name for name in columns if name in _NUMBERS],
        categorical_columns=[name for name in columns if name in _LABELS],
    )
    current, reference = (
        Dataset.from_pandas(_frame(side, columns), definition) for side in (pair.current, pair.reference)
    )
    # Methods and thresholds are named, because the defaults change with the number of rows.
    preset = DataDriftPreset(
        num_method="ks", cat_method="jensenshannon", num_threshold=0.05, cat_threshold=0.1
    )
    html: str = Report([preset]).run(current, reference).get_html_str(as_iframe=False)
    return html


def _frame(sample: Sample, columns: Mapping[str, str]) -> Any:  # noqa: ANN401 - pandas is optional
    """Columns side by side, the newest rows of each. They may differ in length: a failed answer has no verdict."""
    import pandas as pd

    values = {name: sample.column(name, digest).newest(MOST_ROWS) for name, digest in columns.items()}
    return pd.DataFrame({name: pd.Series(column) for name, column in values.items()})


def _with_verdicts(html: str, comparisons: Sequence[Comparison]) -> str:
    """The page with the verdicts of our tests on top."""
    rows = "".join(
        f"<li>{row.column}: <b>{row.verdict.value}</b>"
        + ("" if row.p_adjusted is None else f" (p = {row.p_adjusted:.2g} after correction)")
        + "</li>"
        for row in comparisons
    )
    drifted = sum(row.verdict is Verdict.DRIFT for row in comparisons)
    head = (
        '<section style="font-family:sans-serif;margin:1rem 2rem"><h1>Drift</h1>'
        f"<p>The tests of Signalbox decide: {drifted} of {len(comparisons)} columns drifted. The drawings below show the "
        "columns; their own thresholds are for orientation.</p>"
        f"<ul>{rows}</ul></section>"
    )
    return re.sub(r"(<body[^>]*>)", lambda match: match[1] + head, html, count=1)
