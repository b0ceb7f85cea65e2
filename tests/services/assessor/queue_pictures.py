"""Take the pictures of the queue for the documentation.

python -m tests.services.assessor.queue_pictures docs/images

The texts are sentences of the task's pool, and the labels of the progress are entered by the script.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import typer
from playwright.sync_api import Browser, sync_playwright

from signalbox.contracts.requests import Review, ReviewAction, Sampling
from signalbox.store import open_store
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port
from tests.services.assessor.page_app import CHROMIUM, CHROMIUM_ARGUMENTS, TASK, make_app, serving
from tests.signalbox.request_rows import rows_of, sampling

MOST_BYTES = 150_000
_ANSWERED = {"en": 20, "de": 32}


@dataclass(frozen=True)
class Picture:
    """What one picture shows."""

    language: str
    width: int = 800
    dark: bool = False


PICTURES = {
    "queue-en": Picture("en"),
    "queue-de": Picture("de"),
    "queue-en-dark": Picture("en", dark=True),
    "queue-de-mobile": Picture("de", width=360),
}


def fill(state_dir: Path) -> None:
    """A campaign for each language, with sentences of the pool and some labels."""
    asyncio.run(_fill(state_dir))


async def _fill(state_dir: Path) -> None:
    rows = load_data(load_task(TASK))
    async with open_store(f"sqlite:///{state_dir / 'signalbox.db'}") as store:
        for language, answered in _ANSWERED.items():
            plan = sampling(language)
            texts = [row.text for row in rows if row.language == language][: answered + 10]
            records, requests = rows_of(plan, len(texts), texts=texts)
            await store.requests.add_campaign(plan)
            await store.append_many(records)
            await store.requests.add_requests(requests)
            for _ in range(answered):
                await _answer(store, plan, language)


async def _answer(store: object, plan: Sampling, language: str) -> None:
    requests = store.requests  # type: ignore[attr-defined]
    taken = await requests.take_next("medical", "script", language)
    fields = taken[0].model_dump()
    await requests.add_review(Review(**fields, action=ReviewAction.LABEL, label=plan.campaign.key.verdict))


def take(browser: Browser, url: str, name: str, folder: Path) -> Path:
    """One picture of the whole page."""
    picture = PICTURES[name]
    context = browser.new_context(
        viewport={"width": picture.width, "height": 700},
        color_scheme="dark" if picture.dark else "light",
        locale=picture.language,
    )
    page = context.new_page()
    page.goto(f"{url}/queue?language={picture.language}")
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    context.close()
    return path


def main(folder: Path) -> None:
    """Write the pictures into a folder; one that is too large is an error."""
    with tempfile.TemporaryDirectory() as state:
        fill(Path(state))
        with serving(make_app(Path(state)), free_port()) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
            for name in PICTURES:
                size = take(browser, address, name, folder).stat().st_size
                typer.echo(f"{name}: {size / 1000:.0f} kB")
                if size > MOST_BYTES:
                    raise SystemExit(f"{name} is over {MOST_BYTES} bytes")
            browser.close()


if __name__ == "__main__":
    typer.run(main)
