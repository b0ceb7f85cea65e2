"""Tasks with more labels in a real browser: bars, choices, the filter and the keys, on a phone and on a desktop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from signalbox.tasks import load_task
from tests.helpers import free_port
from tests.services.assessor.page_app import (
    RankingClient,
    make_app,
    serving,
)

pytestmark = pytest.mark.slow

TICKETS = Path("tasks/tickets")
NAMES = (
    *("Blutgruppe/Kreuzprobe", "Größenänderung", "Überweisung", "אישור", "تحويل إلى عيادة أخرى", "Röntgen"),
    "Verlängerung der Kostenübernahme einer stationären Reha",
    "Donaudampfschifffahrtsgesellschaftskapitänspatentprüfung",
    *(f"Bereich {number}" for number in range(1, 13)),
)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of a page with five labels and of one with twenty."""
    long = tmp_path_factory.mktemp("long")
    label: Any = [{"name": name, "words": {"de": [name]}} for name in NAMES]
    spec = {
        "name": "long",
        "title": {"de": "Posteingang"},
        "question": {"de": "Wohin gehört der Brief?"},
        "labels": label,
        "languages": {"de": {"system": "s", "turns": []}},
    }
    (long / "task.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")

    def app(folder: Path) -> Any:
        client = RankingClient(load_task(folder).names)
        return make_app(
            tmp_path_factory.mktemp("state"), models={"encoder": client, "decoder": client}, task=folder
        )

    with serving(app(TICKETS), free_port()) as tickets, serving(app(long), free_port()) as letters:
        yield {"tickets": tickets, "long": letters}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    troubles: list[str] = []
    context = browser.new_context(locale="de-DE", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if "Policy" in line.text else None)
    yield page
    context.close()
    assert troubles == []


def ask(page: Page, url: str, text: str) -> None:
    page.goto(url)
    page.locator("#text").fill(text)
    page.locator("form[action=assess] button").click()
    page.locator("#answer").wait_for()
    page.wait_for_load_state()


def checked(page: Page) -> str | None:
    value: str | None = page.evaluate("document.querySelector('#labels :checked')?.value ?? null")
    return value


def test_the_verdict_its_runner_up_and_a_bar_for_each_label(page: Page, sites: dict[str, str]):
    ask(page, sites["tickets"], "software")
    expect(page.locator(".verdict dd").first).to_have_text("Software")
    expect(page.locator(".verdict dd").nth(1)).to_contain_text("An zweiter Stelle: Auftrag (24,2")
    bars = page.locator(".bars li")
    expect(bars).to_have_count(5)
    widths = [box["width"] for bar in bars.all() if (box := bar.locator("rect").nth(1).bounding_box())]
    full = page.locator(".bars rect").first.bounding_box()
    assert full
    assert widths == sorted(widths, reverse=True)
    assert widths[0] / full["width"] == pytest.approx(0.606, abs=0.01)


def test_a_digit_selects_an_answer_and_enter_saves_it(page: Page, sites: dict[str, str]):
    ask(page, sites["tickets"], "software")
    expect(page.locator("#answer")).to_be_focused()
    page.keyboard.press("7")
    assert checked(page) is None
    page.keyboard.press("2")
    assert checked(page) == "hardware"
    page.keyboard.press("Enter")
    expect(page.locator("#feedback .thanks")).to_be_visible()
    expect(page.locator("#feedback")).to_contain_text("Richtige Antwort: Hardware.")


def test_a_digit_is_typed_where_text_goes_and_does_nothing_elsewhere(page: Page, sites: dict[str, str]):
    ask(page, sites["tickets"], "software")
    page.locator("#comment").focus()
    page.keyboard.press("2")
    expect(page.locator("#comment")).to_have_value("2")
    page.locator("header a").first.focus()
    page.keyboard.press("3")
    assert checked(page) is None


def test_twenty_answers_are_a_list_with_a_filter(page: Page, sites: dict[str, str]):
    ask(page, sites["long"], NAMES[0])
    expect(page.locator(".bars li:visible")).to_have_count(5)
    expect(page.locator("summary", has_text="15 weitere")).to_be_visible()
    expect(page.locator("#filter-count")).to_have_text("20 von 20 Antworten")
    field = page.get_by_label("Antworten filtern")
    field.fill("rontgen")
    expect(page.locator("#labels .choice:visible")).to_have_text(["Röntgen6"])
    field.fill("nichts dergleichen")
    expect(page.locator("#filter-count")).to_have_text("Keine Antwort passt. Kürzen Sie den Filter.")
    field.fill("אישור")
    page.keyboard.press("Enter")
    assert checked(page) == "אישור"
    field.fill("bereich 1")
    visible = page.locator("#labels .choice:visible")
    expect(visible).to_have_count(5)  # the selected one stays in sight
    field.press("ArrowDown")
    page.keyboard.press("Space")
    assert checked(page) == "Bereich 1"
    page.get_by_role("button", name="Antwort speichern").click()
    expect(page.locator("#feedback")).to_contain_text("Richtige Antwort: Bereich 1.")


def test_without_a_script_every_answer_is_in_the_list(browser: Browser, sites: dict[str, str]):
    context = browser.new_context(locale="de-DE", java_script_enabled=False)
    page = context.new_page()
    ask(page, sites["long"], NAMES[3])
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator("kbd").first).to_be_hidden()
    expect(page.locator("#keys-hint")).to_be_hidden()
    page.get_by_role("button", name="Antwort speichern").click()
    expect(page.locator("#label-error")).to_contain_text("Wählen Sie eine aus der Liste.")
    page.get_by_role("radio", name="Bereich 12", exact=True).check()
    page.get_by_role("button", name="Antwort speichern").click()
    expect(page.locator("#feedback .thanks")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["tickets", "long"])
def test_no_label_makes_the_page_scroll_sideways(
    browser: Browser, sites: dict[str, str], name: str, width: int
):
    for language in ("de-DE", "en-GB"):
        context = browser.new_context(locale=language, viewport={"width": width, "height": 800})
        page = context.new_page()
        for text in NAMES[4:8] if name == "long" else ("software",):
            ask(page, sites[name], text)
            overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(overhang) == 0, text
            inner = "[...document.querySelectorAll('#labels, .bars, .card')].filter(e => e.scrollWidth > e.clientWidth)"
            assert page.evaluate(f"{inner}.map(e => e.id || e.className)") == [], text
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["tickets", "long"])
def test_assistive_technology_finds_nothing_serious(
    browser: Browser, sites: dict[str, str], name: str, scheme: Any
):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    ask(page, sites[name], "software" if name == "tickets" else NAMES[6])
    report = Axe().run(page, options={"resultTypes": ["violations", "passes"]})
    harmful = [
        violation["id"]
        for violation in report.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    assert harmful == [], report.generate_report()
    assert report.response["passes"]
    context.close()
