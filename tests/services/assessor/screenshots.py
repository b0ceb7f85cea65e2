"""Take the pictures of the page for the documentation.

python -m tests.services.assessor.screenshots docs/images --url http://127.0.0.1:8080

With `--url`, real models answer: sentences of the test split are assessed in order, and at last one that is off topic,
until a light has the color of the picture. Without it, an example model answers from a table (its release says so).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, sync_playwright

from signalbox.contracts.record import Tier
from signalbox.tasks import load_data, load_task
from tests.services.assessor.page_app import (
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    LONG,
    LONG_DE,
    TASK,
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
MOST_TRIES = 60
ANSWER_SECONDS = 90  # a decoder on a busy machine
OFF_TOPIC = {"en": "What is the capital of France?", "de": "Was ist die Hauptstadt von Frankreich?"}


@dataclass(frozen=True)
class Picture:
    """What one picture shows."""

    language: str
    light: str
    width: int = 800
    dark: bool = False
    evidence: bool = False


PICTURES = {
    "assessor-en-yellow": Picture("en", "yellow"),
    "assessor-en-red": Picture("en", "red"),
    "assessor-de-yellow": Picture("de", "yellow"),
    "assessor-de-red": Picture("de", "red"),
    "assessor-en-dark": Picture("en", "yellow", dark=True),
    "assessor-de-mobile": Picture("de", "yellow", width=360),
    "assessor-en-evidence": Picture("en", "yellow", evidence=True),
    "assessor-de-evidence": Picture("de", "yellow", width=600, evidence=True),
}
EXAMPLES = {
    ("en", "yellow"): [UNSURE],
    ("en", "evidence"): [LONG],
    ("de", "evidence"): [LONG_DE],
    ("en", "red"): [TOO_CLOSE],
    ("de", "yellow"): [UNSURE_DE],
    ("de", "red"): [TOO_CLOSE_DE],
}


def take(browser: Browser, url: str, name: str, folder: Path, texts: list[str]) -> Path | None:
    """One picture: the page from its top to the end of the feedback form, or the answer with its evidence. None: no text had this light."""
    picture = PICTURES[name]
    context = browser.new_context(
        viewport={"width": picture.width, "height": 700},
        color_scheme="dark" if picture.dark else "light",
        locale=picture.language,
        timezone_id="Europe/Berlin",
    )
    with contextlib.closing(context):
        context.set_default_timeout(ANSWER_SECONDS * 1000)
        page = context.new_page()
        page.goto(url)
        if not any(_light_of(page, text) == picture.light for text in islice(texts, MOST_TRIES)):
            return None
        if picture.evidence:
            page.click("form[action=evidence] button")
            page.locator("#evidence ul").wait_for()
        # The picture shows the page, not the focus, and its places are counted from the top.
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        box = page.locator("#evidence" if picture.evidence else "#feedback").bounding_box()
        assert box  # it is on every page with an answer
        path = folder / f"{name}.png"
        top = 0.0
        if picture.evidence:  # it is about the answer alone
            answer = page.locator("#answer").bounding_box()
            assert answer
            top = answer["y"] - MARGIN
        bottom = box["y"] + box["height"] + MARGIN
        clip = {"x": 0, "y": top, "width": picture.width, "height": bottom - top}
        page.screenshot(path=path, full_page=True, clip=clip)  # type: ignore[arg-type]
    return path


def _light_of(page: Page, text: str) -> str:
    """Assess a text as a person does; the color of its light."""
    page.fill("#text", text)
    page.check("input[value=decoder]")
    page.click("form[action=assess] button")
    page.get_by_text(text).first.wait_for()
    classes = page.locator("#answer").get_attribute("class") or ""
    return classes.split()[-1]


def _texts(picture: Picture, real: bool) -> list[str]:
    if not real:
        return EXAMPLES[picture.language, "evidence" if picture.evidence else picture.light]
    tier: Tier = "everyday" if picture.evidence else "hard"
    rows = (
        row
        for row in load_data(load_task(TASK), "test", tier)
        if row.language == picture.language and (row.decisive or not picture.evidence)
    )
    return [*(row.text for row in islice(rows, MOST_TRIES - 1)), OFF_TOPIC[picture.language]]


@contextlib.contextmanager
def _site(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as state, serving(make_app(Path(state)), PORT) as address:
        yield address


def main(
    folder: Path,
    url: Annotated[str | None, typer.Option(help="A running assessor.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Names of the pictures to take.")] = None,
) -> None:
    """Write the pictures into a folder; one that cannot be taken or is too large is an error."""
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    with _site(url) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        for name in only or PICTURES:
            texts = _texts(PICTURES[name], real=url is not None)
            path = take(browser, address, name, folder, texts)
            size = path.stat().st_size if path else None
            typer.echo(f"{name}: " + ("no text had this light" if size is None else f"{size / 1000:.0f} kB"))
            if size is None or size > MOST_BYTES:
                failures.append(name)
        browser.close()
    if failures:
        raise SystemExit(f"not taken, or over {MOST_BYTES} bytes: {', '.join(failures)}")


if __name__ == "__main__":
    typer.run(main)
