"""Take the pictures of the page for the documentation: `python -m tests.services.assessor.screenshots docs/images`.

The real application with models that answer from a table, so that every run shows the same.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.services.assessor.page_app import (
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    TOO_CLOSE,
    TOO_CLOSE_DE,
    UNSURE,
    UNSURE_DE,
    make_app,
    serving,
)

PORT = 18589
MARGIN = 20
MOST_BYTES = 150_000

# Name: language, text, viewport width, colour scheme.
PICTURES = {
    "assessor-en-yellow": ("en", UNSURE, 800, "light"),
    "assessor-en-red": ("en", TOO_CLOSE, 800, "light"),
    "assessor-de-yellow": ("de", UNSURE_DE, 800, "light"),
    "assessor-de-red": ("de", TOO_CLOSE_DE, 800, "light"),
    "assessor-en-dark": ("en", UNSURE, 800, "dark"),
    "assessor-de-mobile": ("de", UNSURE_DE, 360, "light"),
}


def ask(page: Page, text: str, model: str = "decoder") -> None:
    """Assess a text as a person does."""
    page.fill("#text", text)
    page.check(f"input[value={model}]")
    page.click("form[action=assess] button")
    page.wait_for_selector("#answer")


def take(browser: Browser, url: str, name: str, folder: Path) -> Path:
    """Take one picture: the page from its top to the end of the ground truth."""
    language, text, width, scheme = PICTURES[name]
    page = browser.new_page(
        viewport={"width": width, "height": 700},
        color_scheme="dark" if scheme == "dark" else "light",
        locale=language,
        timezone_id="Europe/Berlin",
    )
    page.goto(url)
    ask(page, text)
    # The picture shows the page, not the focus, and its places are counted from the top.
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    path = folder / f"{name}.png"
    box = page.locator("#feedback").bounding_box()
    assert box
    height = box["y"] + box["height"] + MARGIN
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
    page.close()
    return path


def main(folder: Path) -> None:
    """Write all pictures into a folder; a picture that is too large is an error."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as state_dir,
        serving(make_app(Path(state_dir)), PORT) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        for name in PICTURES:
            path = take(browser, url, name, folder)
            size = path.stat().st_size
            print(f"{path} {size / 1000:.0f} kB")  # noqa: T201 - what a script says
            if size > MOST_BYTES:
                raise SystemExit(f"{path} has {size} bytes; at most {MOST_BYTES} are wanted")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
