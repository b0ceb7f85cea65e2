"""The report: what is in it, and what a browser and assistive technology make of it."""

import json

import pytest
from playwright.sync_api import sync_playwright

from pipelines.compare.report.curves import curves_of, load_curve
from pipelines.compare.report.drawings import front, intervals, scatter
from pipelines.compare.report.page import page
from pipelines.strata import Stratum
from tests.pipelines.compare.samples import cell, comparison, entry, example
from tests.services.assessor.page_app import CHROMIUM, CHROMIUM_ARGUMENTS

HARMFUL = ("serious", "critical")
CURVE = {
    "candidate": "use C=10",
    "points": [
        {"tier": "everyday", "language": "de", "labels": n, "accuracy": a, "low": a - 0.1, "high": a + 0.1, "rows": 208, "families": 66}
        for n, a in ((10, 0.6), (40, 0.7), (120, 0.75))
    ],
    "gains": [{"tier": "everyday", "language": "de", "labels": 120, "per_doubling": 0.02, "low": 0.01, "high": 0.05, "more_labels": 41}],
}  # fmt: skip


def test_the_report_is_one_file_without_a_script():
    html = page(example())
    for part in ("<script", "http://", "https://", "<link", "<img", "@import"):
        assert part not in html
    assert (
        html.count("<svg")
        == html.count("</svg>")
        == html.count("<title id=")
        == html.count("<desc id=")
        == 16
    )


def test_the_report_has_sentences_tables_flips_and_the_bill():
    html = page(example())
    for outcome in example().outcomes:
        assert outcome.text.replace("'", "&#39;") in html
    assert "qwen2.5-coder-1.5b → qwen2.5-coder-1.5b-q2: saves 366 MiB" in html
    assert "The everyday test text 12 of the language de." in html
    assert "llama-70b was skipped" in html
    assert "estimated from 45 W" in html


def test_texts_can_be_left_out():
    html = page(example(), texts=False)
    assert "test text" not in html
    assert "verdicts differ" in html


def test_a_text_cannot_break_the_page():
    one = cell(test=12)
    evil = one.test[0].model_copy(update={"text": "<script>alert(1)</script>"})
    one = type(one)(one.stratum, (evil, *one.test[1:]), one.calibration, one.learning)
    html = page(comparison([entry("a", [one], lambda n: True), entry("<b>", [one], lambda n: n > 2)], [one]))
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_the_front_has_what_nothing_cheaper_equals():
    rows = [
        (1, 10.0, 0.7, (0.6, 0.8)),
        (2, 20.0, 0.7, (0.6, 0.8)),
        (3, 30.0, 0.9, (0.8, 1.0)),
        (4, 40.0, 0.8, (0.7, 0.9)),
    ]
    assert front(rows) == {1, 3}


def test_places_are_inside_of_the_drawing():
    drawing = intervals([("a", "", 0.9, (0.85, 1.0), True), ("b", "", 0.4, (0.0, 0.8), False)], 0.5)
    assert all(0 <= bar.low <= bar.value <= bar.high <= 320 for bar in drawing.bars)
    plot = scatter([(1, 0.01, 0.5, (0.1, 0.9)), (2, 5000.0, 0.9, (0.8, 1.0))])
    for point in plot.points:
        assert plot.left <= point.x <= plot.right
        assert plot.top <= point.high <= point.y <= point.low <= plot.bottom


def test_the_learning_curve_of_the_release_is_drawn(tmp_path):
    (tmp_path / "learning_curve.json").write_text(json.dumps(CURVE))
    one = cell("de")
    html = page(comparison([entry("a", [one], lambda n: True)], [one], release_folder=tmp_path))
    assert "About 41 more labels would gain a point." in html
    assert "120 labels: 0.75 (0.65-0.85)" in html


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_curve_of_another_form_is_left_out(tmp_path, content):
    (tmp_path / "learning_curve.json").write_text(content)
    assert load_curve(tmp_path) is None
    assert curves_of(None, [Stratum("everyday", "de")]) == []


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_and_assistive_technology_finds_nothing_serious(browser, tmp_path, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    (tmp_path / "report.html").write_text(page(example()), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=True
    )
    opened = context.new_page()
    opened.goto((tmp_path / "report.html").as_uri())
    for details in opened.locator("details").all():
        details.evaluate("element => element.open = true")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    smallest = opened.evaluate(
        "Math.min(...[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height))"
    )
    assert smallest >= 9
    report = Axe().run(opened)
    harmful = [one["id"] for one in report.response["violations"] if one["impact"] in HARMFUL]
    assert harmful == [], report.generate_report()
    context.close()
