"""The page /plan in a real browser: a phone and a desktop, both languages, assistive technology, no violation of the policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor.page_app import CHROMIUM, CHROMIUM_ARGUMENTS, TASK, clients, serving

pytestmark = pytest.mark.slow

HARMFUL = ("serious", "critical")
MILLISECONDS = 300_000  # a busy machine


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    settings = Settings(
        task=TASK, state_dir=tmp_path_factory.mktemp("state"), plan_enabled=True, plan_seconds=300
    )
    with serving(create_app(settings, clients=clients()), free_port()) as url:
        yield url


@contextmanager
def opened(url: str, **options: object) -> Iterator[tuple[Page, list[str]]]:
    """The page, and the messages of its console so far."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=MILLISECONDS
        )
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(MILLISECONDS)
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        page.goto(url)
        yield page, console
        browser.close()


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 1280, "light"), ("de", 390, "dark")])
@pytest.mark.parametrize(
    "question", ["model=llama-3.1-8b", "model=llama-3.3-70b&gpu=L4", "model=llama-3.1-8b&gpu=L5"]
)
def test_an_answer_fits_its_screen_and_assistive_technology(site, question, language, width, scheme) -> None:
    from axe_playwright_python.sync_playwright import Axe

    address = f"{site}/plan?{question}&lang={language}"
    with opened(address, viewport={"width": width, "height": 800}, color_scheme=scheme) as (page, console):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # An error has the status 422, which the console reports.
        assert [text for text in console if "422" not in text and "favicon" not in text] == []
        report = Axe().run(page, options={"resultTypes": ["violations", "passes"]})
        harmful = [one["id"] for one in report.response["violations"] if one["impact"] in HARMFUL]
        assert harmful == [], report.generate_report()


def test_a_question_is_answered_and_its_sliders_show_other_plans(site) -> None:
    with opened(f"{site}/plan?lang=en", viewport={"width": 1280, "height": 800}) as (page, console):
        page.fill("#plan-model", "llama-3.1-8b")
        page.fill("#plan-gpu", "L4")
        page.click("form[action=plan] button")
        page.locator("#word", has_text="✓ Fits.").wait_for()
        assert page.locator("#bar span").count() == 6
        assert "vllm serve" in page.locator("pre").inner_text()
        page.locator("#context").fill(page.locator("#context").get_attribute("max") or "")
        page.locator("#word", has_text="✕ Does not fit.").wait_for()
        assert console == []
