"""The readable report of the drift job, by the real Evidently."""

import os
import re
import sys

import pytest

from pipelines.drift import html_report
from pipelines.drift.comparison import Comparison, Verdict
from pipelines.samples import Sample
from pipelines.windows import ALL, Group, Pair
from signalbox.errors import SetupError

GROUP = Group("encoder", "en", "onnx/minilm@v1/int8")
LOADS = re.compile(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?://""")


def sample(shift=0.0, thresholds="a"):
    one = Sample()
    one.fill("output", [(i % 50) / 100 + shift for i in range(200)])
    one.fill("verdict", ["yes" if i % 3 else "no" for i in range(200)], thresholds)
    one.fill("candidate_light", ["green" if i % 2 else "yellow" for i in range(150)], thresholds)
    return one


def comparison(column, verdict):
    return Comparison(GROUP, column, 200, 200, verdict, (200.0, 200.0), p_adjusted=0.001)


@pytest.mark.slow
def test_a_page_shows_the_columns_and_our_verdicts_and_loads_nothing(tmp_path):
    html_report.check_installed()
    pairs = {GROUP: Pair(sample(), sample(0.4)), Group("encoder", "en", ALL): Pair()}
    rows = [comparison("p_yes", Verdict.DRIFT), comparison("verdict", Verdict.NONE_SEEN)]
    [path] = html_report.write_reports(tmp_path, "medical", pairs, rows)
    page = path.read_text(encoding="utf-8")
    assert path.name == "drift-medical-encoder-en-onnx-minilm-v1-int8.html"
    assert "The tests of Signalbox decide: 1 of 2 columns drifted." in page
    assert "<li>p_yes: <b>drift</b> (p = 0.001 after correction)</li>" in page
    assert all(name in page for name in ("output", "verdict", "candidate_light"))
    assert not LOADS.search(page)
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_columns_under_other_thresholds_are_left_out():
    columns = html_report.shared_columns(Pair(sample(), sample(thresholds="b")))
    assert columns == {"output": ""}


def test_without_the_package_the_hint_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(SetupError) as error:
        html_report.check_installed()
    assert "signalbox-pipelines[evidently]" in error.value.hint
