"""The queue's page in a real browser: one key an answer, a phone, no script, assistive technology."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.helpers import free_port
from tests.services.assessor.page_app import make_app, serving
from tests.services.assessor.queue_app import fill, states
from tests.signalbox.request_rows import sampling

pytestmark = pytest.mark.slow

HARMFUL = ("serious", "critical")
PLAN = sampling()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    fill(tmp_path, 5, plans=(PLAN,))
    with serving(make_app(tmp_path), free_port()) as url:
        yield f"{url}/queue"


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Opens the queue; an error in its script or its policy fails the test."""
    troubles: list[str] = []
    contexts = []

    def open_one(query: str = "", **options: object) -> Page:
        context = browser.new_context(**{"locale": "en-GB", **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if "Policy" in line.text else None)
        page.goto(f"{site}{query}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert troubles == []


def test_one_key_answers_skips_and_undoes(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    text = page.locator("#item-text")
    expect(text).to_have_text("en yes text 0")
    page.keyboard.press("2")
    expect(text).to_have_text("en yes text 1")
    page.keyboard.press("s")
    expect(text).to_have_text("en yes text 2")
    page.keyboard.press("u")
    expect(text).to_have_text("en yes text 1")
    page.keyboard.press("X")
    expect(text).not_to_have_text("en yes text 1")
    entries = [[entry.action.value for entry in state.entries] for state in states(tmp_path, PLAN)]
    assert entries[:2] == [["label"], ["skip", "undo", "unjudgeable"]]


def test_keys_outside_the_text_do_nothing(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("header a").first.focus()
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    expect(page.locator("#item-text")).to_have_text("en yes text 0")


def test_the_answers_work_without_a_script(open_page: Callable[..., Page]) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#item-text")).to_have_text("en yes text 1")
    assert page.locator("kbd:visible").count() == 0


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_is_cut_off_on_a_phone(open_page: Callable[..., Page], language: str) -> None:
    page = open_page(f"?lang={language}", viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["text", "error", "empty"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_assistive_technology_finds_nothing_serious(
    open_page: Callable[..., Page], state: str, scheme: str, language: str, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # A text in another language than the page, and a queue that has none in German.
    page = open_page(f"?lang={language}" + ("&language=de" if state == "empty" else ""), color_scheme=scheme)
    if state == "error":
        page.evaluate("document.querySelector('#item form').noValidate = true")
        page.evaluate("document.querySelector('#item form').submit()")
        page.locator("[role=alert]").wait_for()
    report = Axe().run(page, options={"resultTypes": ["violations", "passes"]})
    harmful = [
        violation["id"] for violation in report.response["violations"] if violation["impact"] in HARMFUL
    ]
    assert harmful == [], report.generate_report()
    assert report.response["passes"]


def test_a_text_of_a_user_is_shown_as_text(open_page: Callable[..., Page], tmp_path: Path) -> None:
    fill(tmp_path, 1, plans=(sampling("de"),), prefix="<script>alert(1)</script> & „ß“")
    page = open_page("?language=de")
    expect(page.locator("#item-text")).to_have_text("<script>alert(1)</script> & „ß“ text 0")
