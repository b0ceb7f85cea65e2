"""The table of the encoder before and after it learned."""

import io

from rich.console import Console

from local.demo import before_after
from tests.pipelines.evaluations import ANSWERS, evaluation


def test_each_stratum_has_a_row_with_both_figures_and_their_difference():
    better = [(label, language, label, p, light) for label, language, _, p, light in ANSWERS]
    text = io.StringIO()
    before_after.show(evaluation(), evaluation(better), 12, Console(file=text, width=200))
    lines = text.getvalue().splitlines()
    assert "12 more labels" in text.getvalue()
    (english,) = [line for line in lines if "hard, en" in line]
    assert "0.50 (" in english
    assert "1.00 (" in english
    assert "+0.50" in english
    assert any("hard, de" in line for line in lines)
    assert not any("all" in line.split() for line in lines)
