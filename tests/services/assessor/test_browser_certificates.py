"""The page of certificates in a real browser: a phone, both languages, assistive technology."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, sync_playwright

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor import test_certificates
from tests.services.assessor.page_app import CHROMIUM, CHROMIUM_ARGUMENTS, serving
from tests.services.assessor.test_api import Table

pytestmark = pytest.mark.slow

HARMFUL = ("serious", "critical")
decoder, settings = test_certificates.decoder, test_certificates.settings
client, certified = test_certificates.client, test_certificates.certified


@pytest.fixture
def site(certified: TestClient, settings: Settings, decoder: Table) -> Iterator[str]:
    """A certificate that was issued, suspended and restored."""
    for action in ("suspend", "restore"):
        test_certificates.change(certified, settings, action)
    with serving(create_app(settings, clients={"decoder": decoder}), free_port()) as url:
        yield url


@contextmanager
def opened(url: str, **options: object) -> Iterator[Page]:
    """The page. A browser of its own: the fixtures run event loops, which a thread with a browser has already."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.goto(url)
        yield page
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_history_fits_a_phone_and_assistive_technology(site: str, language: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    address = f"{site}/certificates?lang={language}"
    with opened(address, viewport={"width": 360, "height": 700}, color_scheme=scheme) as page:
        assert page.locator("ol.lines li").count() == len(("issue", "suspend", "restore"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        report = Axe().run(page, options={"resultTypes": ["violations", "passes"]})
        harmful = [one["id"] for one in report.response["violations"] if one["impact"] in HARMFUL]
        assert harmful == [], report.generate_report()
