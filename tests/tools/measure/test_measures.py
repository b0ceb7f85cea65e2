"""The repository keeps its measures, and the measures see what they count."""

from pathlib import Path

import pytest

from tools.measure.__main__ import Measure, measures
from tools.measure.charts import chart_lines
from tools.measure.language import participles, patterns, user_text
from tools.measure.names import functions_of, with_participle
from tools.measure.prose import sentence_lengths


@pytest.fixture(scope="module")
def rows() -> list[Measure]:
    return list(measures())


def test_every_measure_is_within_its_limit(rows: list[Measure]) -> None:
    over = [f"{row.name}: {row.value}, limit {row.limit}" for row in rows if not row.within]
    places = [place for row in rows if not row.within for place in row.details[:20]]
    assert over == [], "\n".join(["run `python -m tools.measure --list`", *places])


def test_every_part_is_measured(rows: list[Measure]) -> None:
    names = " ".join(row.name for row in rows)
    assert all(part in names for part in ("src", "pipelines", "services", "local", "tools"))
    assert all(f"charts/{chart}" in names for chart in ("assessor", "model-server", "pipelines"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The cure is a set-up.", 2),
        ("It refuses the request.", 1),
        ("error: connection refused", 0),
        ("Ask the model, whoever you are.", 2),
        ("The object is created.", 0),
        ("A secure procedure, besides.", 0),
        ("Labelled in colour", 2),
    ],
)
def test_retired_words_are_whole_words(text: str, count: int) -> None:
    assert sum(len(pattern.findall(text)) for pattern, _ in patterns()) == count


def test_text_of_every_kind_is_read() -> None:
    suffixes = {path.suffix for path, _, _ in user_text()}
    assert suffixes >= {".md", ".yaml", ".txt", ".tpl", ".html", ".py"}


def test_arguments_variables_and_nested_functions_have_names(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "def a(given, *, wanted=1):\n    def b():\n        for found in []:\n            pass\n\ndef c(record):\n    x = record.found\n",
        encoding="utf-8",
    )
    functions = list(functions_of(path))
    assert {function.name for function in functions} == {"a", "b", "c"}
    assert {function.name for function in with_participle(functions, participles())} == {"a", "b"}


def test_sentences_are_counted_without_code_and_tables() -> None:
    page = "# A title of many words that is none\n\nOne two three. Four five six seven.\n\n```bash\nnot a sentence at all\n```\n\n| a | b |\n- an item here\n"
    assert sentence_lengths(page) == [3, 4, 4]


def test_a_chart_is_counted_without_its_subcharts(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "charts" / "common" / "templates").mkdir(parents=True)
    (tmp_path / "templates" / "_names.tpl").write_text("a\n", encoding="utf-8")
    (tmp_path / "templates" / "pod.yaml").write_text("a\n" + "b" * 161 + "\nc\n", encoding="utf-8")
    (tmp_path / "charts" / "common" / "templates" / "_all.tpl").write_text("a\n" * 90, encoding="utf-8")
    lines = chart_lines(tmp_path)
    assert (lines.helpers, lines.total, lines.long) == (1, 4, 1)
    assert lines.helper_share == 0.25
