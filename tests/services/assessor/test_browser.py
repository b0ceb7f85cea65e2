"""The page in a real browser: with and without JavaScript, by keyboard, on a phone, for assistive technology."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from signalbox import keys
from tests.helpers import free_port
from tests.services.assessor import screenshots
from tests.services.assessor.page_app import (
    LONG,
    LONG_DE,
    REASON,
    SLOW,
    SURE,
    TOO_CLOSE,
    TOO_CLOSE_DE,
    UNSURE,
    TableClient,
    clients,
    make_app,
    serving,
)

pytestmark = pytest.mark.slow

PORT = 18580
HARMFUL = ("serious", "critical")


@dataclass(frozen=True)
class Site:
    """The running application and the models behind it."""

    url: str
    models: dict[str, TableClient]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    models = clients()
    with serving(make_app(tmp_path_factory.mktemp("state"), models=models), PORT) as url:
        yield Site(url, models)


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens the page in a browser without cookies; an error in its script or its policy fails the test."""
    troubles: list[str] = []
    contexts = []

    def open_one(**options: object) -> Page:
        context = browser.new_context(**{"locale": "en-GB", **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if "Policy" in line.text else None)
        page.goto(site.url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert troubles == []


def ask(page: Page, text: str, model: str = "decoder") -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.locator(f"input[value={model}]").check()
    page.locator("form[action=assess] button").click()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.name"))


@pytest.mark.parametrize("javascript", [True, False])
def test_from_text_to_light_to_ground_truth(open_page: Callable[..., Page], site: Site, javascript: bool):
    page = open_page(java_script_enabled=javascript)
    ask(page, UNSURE)
    answer = page.locator("#answer")
    expect(answer.locator(".light")).to_have_text("!Check")
    expect(answer).to_contain_text("Provisional: not certified")
    expect(answer.locator(".verdict dd")).to_have_text("No")
    expect(answer).to_contain_text(REASON)
    expect(answer).to_be_focused()

    queries = len(site.models["decoder"].asked)
    page.reload()
    expect(answer).to_be_visible()
    assert len(site.models["decoder"].asked) == queries

    page.get_by_role("button", name="Save answer").click()
    expect(page.locator("#label-error")).to_contain_text("Choose “Yes” or “No”.")
    page.get_by_role("radio", name="Yes", exact=True).check()
    page.get_by_label("Comment (optional)").fill("Page 3 says so.")
    page.get_by_role("button", name="Save answer").click()
    expect(page.locator("#feedback .thanks")).to_contain_text("Thank you.")
    expect(page.locator("#feedback")).to_contain_text("Correct answer: Yes.")
    expect(page.locator("#feedback")).to_be_focused()
    expect(page.locator(".history li")).to_have_count(1)
    expect(page.locator(".history li")).to_contain_text("correct answer: Yes")


def test_red_shows_no_verdict(open_page: Callable[..., Page]):
    page = open_page()
    ask(page, TOO_CLOSE)
    expect(page.locator("#answer .light")).to_have_text("✕Withheld")
    expect(page.locator("#answer")).to_contain_text("Too close to call")
    expect(page.locator("#answer .verdict")).to_have_count(0)
    expect(page.locator("#answer")).not_to_contain_text("51.0")


def test_switching_the_language_keeps_the_input(open_page: Callable[..., Page]):
    page = open_page()
    page.get_by_label("Text", exact=True).fill(UNSURE)
    page.get_by_role("link", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_label("Text", exact=True)).to_have_value(UNSURE)
    page.locator("#language").select_option("en")
    page.get_by_role("button", name="Bewerten").click()
    expect(page.locator("#answer .light")).to_have_text("!Prüfen")
    expect(page.locator("#answer .verdict dd")).to_have_text("Nein")
    page.get_by_role("link", name="English").click()
    expect(page.locator("#answer .light")).to_have_text("!Check")


def test_the_browser_prefers_german(open_page: Callable[..., Page]):
    page = open_page(locale="de-AT")
    expect(page.get_by_role("button", name="Bewerten")).to_be_visible()
    expect(page.locator("#language")).to_have_value("de")


def test_everything_can_be_done_by_keyboard(open_page: Callable[..., Page]):
    page = open_page()
    press = page.keyboard.press

    def tab() -> str:
        press("Tab")
        ring = "(e => getComputedStyle(e.closest('.choice') || e).outlineStyle)(document.activeElement)"
        assert page.evaluate(ring) != "none", focused(page)
        return focused(page)

    press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    press("Enter")
    assert focused(page) == "main"
    assert tab() == "text"
    page.keyboard.type(UNSURE)
    assert tab() == "language"
    assert tab() == "model"
    press("ArrowDown")
    expect(page.locator("input[value=decoder]")).to_be_checked()
    tab()
    press("Enter")
    expect(page.locator("#answer")).to_be_focused()
    tab()  # edit or assess again
    tab()  # what the verdict rests on
    assert tab() == "label"
    press("Space")
    expect(page.get_by_role("radio", name="Yes", exact=True)).to_be_checked()
    assert tab() == "comment"
    page.keyboard.type("Typed.")
    tab()
    press("Enter")
    expect(page.locator("#feedback .thanks")).to_be_visible()
    expect(page.locator("#feedback")).to_be_focused()


def test_an_error_takes_the_focus_and_is_tied_to_its_field(open_page: Callable[..., Page]):
    page = open_page()
    page.get_by_role("button", name="Assess").click()
    field = page.get_by_label("Text", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(
        "The text is missing. Enter the text to be assessed. 0 of 4,000 characters"
    )


@pytest.mark.parametrize("text", ["a" * 4001, "a" * 1_000_000])
def test_a_text_that_is_too_long_is_not_cut_but_an_error(open_page: Callable[..., Page], text: str):
    page = open_page()
    page.get_by_label("Text", exact=True).fill(text)
    expect(page.locator("#text-hint.over")).to_be_visible()
    page.get_by_role("button", name="Assess").click()
    expect(page.locator("#text-error")).to_contain_text("4,000")


def test_a_slow_answer_is_announced_and_requested_once(open_page: Callable[..., Page], site: Site):
    page, decoder = open_page(), site.models["decoder"]
    queries, decoder.pause_seconds = len(decoder.asked), 1.0
    page.get_by_label("Text", exact=True).fill(SURE)
    page.locator("input[value=decoder]").check()
    progress = page.evaluate(
        """async () => {
          const button = document.querySelector("form[action=assess] button");
          button.click();
          await new Promise((resolve) => setTimeout(resolve, 200));
          button.click();
          return document.getElementById("progress").textContent;
        }"""
    )
    decoder.pause_seconds = 0.0
    assert progress == "Assessing, please wait …"
    expect(page.locator("#answer")).to_be_visible()
    assert len(decoder.asked) == queries + 1
    page.go_back()
    expect(page.locator("#progress")).to_have_text("")


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
def test_a_phone_needs_no_sideways_scrolling(open_page: Callable[..., Page], language: str):
    page = open_page(locale=language, viewport={"width": 360, "height": 640})

    def overhang() -> int:
        return int(
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    assert overhang() == 0
    for text in (UNSURE, TOO_CLOSE, "unbroken" * 60, ""):
        page.locator("#text").fill(text)
        page.locator("form[action=assess] button").click()
        page.locator("#answer, #text-error").first.wait_for()
        assert overhang() == 0, text


@pytest.mark.parametrize("javascript", [True, False])
def test_a_button_shows_what_a_verdict_rests_on(open_page: Callable[..., Page], javascript: bool):
    page = open_page(java_script_enabled=javascript)
    ask(page, LONG)
    button = page.get_by_role("button", name="Show what the verdict rests on")
    expect(button).to_have_accessible_description(
        "The model reads the text again without each part, in 8 calls at most. This may take a while."
    )
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#evidence")).to_be_focused()
    lines = page.locator("#evidence li")
    expect(lines).to_have_count(4)
    expect(lines.first).to_contain_text("Speaks for the verdict:")
    expect(lines.first).to_contain_text("falls from 77.0% to 39.0%")
    # Not by color alone, and a listener hears what a mark is and where it ends.
    styles = "e => getComputedStyle(e).textDecorationStyle"
    assert page.locator("mark.for").evaluate(styles) == "solid"
    assert page.locator("mark.against").evaluate(styles) == "wavy"
    expect(page.locator("mark.for .sign")).to_have_text("+")
    heard = page.locator("#answer blockquote").aria_snapshot()
    for part in ("Speaks for the verdict:", "Speaks against the verdict:", "(end of the mark)"):
        assert part in heard
    assert "+" not in heard


def test_evidence_fits_on_a_phone_and_is_german(open_page: Callable[..., Page]):
    page = open_page(locale="de-DE", viewport={"width": 360, "height": 640})
    ask(page, LONG_DE, "encoder")
    expect(page.locator("#evidence")).to_contain_text("Spricht gegen das Ergebnis")
    expect(page.locator("form[action=evidence]")).to_have_count(0)
    overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overhang) == 0


def _start(page: Page) -> None:
    page.locator("summary").click()


def _error(page: Page) -> None:
    page.get_by_role("button", name="Assess").click()


def _feedback_error(page: Page) -> None:
    ask(page, SURE)
    page.get_by_role("button", name="Save answer").click()
    page.locator("#label-error").wait_for()


def _evidence(page: Page) -> None:
    ask(page, LONG)
    page.locator("form[action=evidence] button").click()
    page.locator("#evidence ul").wait_for()


def _thanks(page: Page) -> None:
    ask(page, SURE)
    page.get_by_role("radio", name="No", exact=True).check()
    page.get_by_role("button", name="Save answer").click()
    page.locator("#feedback summary").click()


STATES: dict[str, Callable[[Page], None]] = {
    "start": _start,
    "yellow": lambda page: ask(page, UNSURE),
    "red": lambda page: ask(page, SLOW),
    "error": _error,
    "evidence": _evidence,
    "feedback error": _feedback_error,
    "thanks": _thanks,
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_assistive_technology_finds_nothing_serious(open_page: Callable[..., Page], state: str, scheme: str):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(color_scheme=scheme)
    STATES[state](page)
    page.wait_for_load_state()
    report = Axe().run(page, options={"resultTypes": ["violations", "passes"]})
    harmful = [
        violation["id"] for violation in report.response["violations"] if violation["impact"] in HARMFUL
    ]
    assert harmful == [], report.generate_report()
    assert report.response["passes"]


def test_the_check_for_assistive_technology_can_fail(browser: Browser):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page()
    page.set_content("<html><body><input type=text><p style='color:#ccc'>faint</p></body></html>")
    impacts = {violation["impact"] for violation in Axe().run(page).response["violations"]}
    assert impacts & set(HARMFUL)


def test_a_picture_is_taken_and_small(browser: Browser, site: Site, tmp_path: Path):
    assert screenshots.take(browser, site.url, "assessor-de-red", tmp_path, [UNSURE]) is None
    path = screenshots.take(browser, site.url, "assessor-de-red", tmp_path, [UNSURE, TOO_CLOSE_DE])
    assert path
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < screenshots.MOST_BYTES


# --- with keys --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The application with a clients file; gives its address and the key of client `reports`."""
    folder = tmp_path_factory.mktemp("guarded")
    entries, key = keys.add([], "reports")
    keys.save(folder / "clients.yaml", entries)
    app = make_app(folder, api_keys_file=folder / "clients.yaml")
    with serving(app, free_port()) as url:
        yield url, key


def test_the_browsers_own_sign_in_opens_the_page_and_carries_its_forms(browser, guarded):
    url, key = guarded
    context = browser.new_context(
        locale="en-GB", http_credentials={"username": "reports", "password": key, "origin": url}
    )
    page = context.new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page.goto(url)
    failed.clear()  # the first request asks for the sign-in
    ask(page, UNSURE)
    expect(page.get_by_text(REASON).first).to_be_visible()
    page.goto(f"{url}/docs")
    status = page.evaluate(
        """async () => (await fetch("/v1/assess", {method: "POST", headers: {"Content-Type": "application/json"},
        body: '{"text": "x", "language": "en"}'})).status"""
    )
    assert status == 200  # as the documentation's "Try it out"
    assert [address for address in failed if address.startswith(url)] == []
    context.close()


def test_another_site_can_not_send_a_form_with_the_browsers_sign_in(browser, guarded, site):
    url, key = guarded
    context = browser.new_context(http_credentials={"username": "reports", "password": key})
    page = context.new_page()
    page.goto(url)
    page.goto(site.url.replace("127.0.0.1", "localhost") + "/healthz")  # another site
    with page.expect_response(lambda answer: answer.url == f"{url}/forget" and answer.status != 401) as info:
        page.evaluate(
            """url => { const form = document.createElement("form"); form.method = "post";
            form.action = url + "/forget"; document.documentElement.append(form); form.submit(); }""",
            url,
        )
    assert info.value.status == 403
    context.close()


def test_without_a_sign_in_there_is_no_page(browser, guarded):
    context = browser.new_context()
    # The error of a browser without a window, where another one prompts its user.
    with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        context.new_page().goto(guarded[0])
    context.close()
