"""The real application over models that answer from a table, for the tests of the page and its pictures."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from services.assessor.app import create_app
from signalbox import thresholds
from signalbox.contracts.labels import NO, YES, Verdict, normalized, yes_no
from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelError, ModelTimeout
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.store import Store

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

TASK = Path(__file__).parents[3] / "tasks" / "medical"

ENCODER = ModelRelease(name="example-encoder", revision="table-1", engine="none", quantization="none")
DECODER = ModelRelease(name="example-decoder", revision="table-1", engine="none", quantization="none")

SURE = "Socio-medical indication for the aid is confirmed."
UNSURE = "A benefit of the requested device is conceivable but not proven."
TOO_CLOSE = "The documents were received and reviewed."
TOO_CLOSE_DE = "Die Unterlagen sind eingegangen und wurden gesichtet."
SLOW = "The applicant was examined on site."
SURE_DE = "Die sozialmedizinische Indikation für das Hilfsmittel wird bestätigt."
UNSURE_DE = "Ein Nutzen des beantragten Geräts ist denkbar, aber nicht belegt."
REASON = "The benefit is conceivable only, so the device is not supported."
REASON_DE = "Ein denkbarer Nutzen ist kein Beleg, das Gerät wird nicht befürwortet."

# Sure outside .2-.8, unclear within .45-.55.
CUTS = thresholds.Thresholds(
    decision=0.5,
    confident_yes=0.8,
    confident_no=0.2,
    unclear_low=0.45,
    unclear_high=0.55,
    rows=100,
    target_error=0.1,
)

# Texts of several sentences: what each of them adds to p(yes).
SENTENCES: Mapping[str, float] = {
    "The insured man is 78 and lives alone.": 0.0,
    "He cannot climb the stairs without the lift applied for.": 0.38,
    "His last fall was on March 3.": 0.01,
    "A move to the ground floor was offered.": -0.12,
    "Der Versicherte ist 78 Jahre alt und lebt allein.": 0.0,
    "Ohne den beantragten Treppenlift kann er die Treppe nicht bewältigen.": 0.38,
    "Zuletzt ist er am 3. März gestürzt.": 0.01,
    "Ein Umzug ins Erdgeschoss wurde ihm angeboten.": -0.12,
}
LONG, LONG_DE = " ".join([*SENTENCES][:4]), " ".join([*SENTENCES][4:])

Entry = tuple[Verdict, float, str | None] | ModelError
ANSWERS: Mapping[str, Entry] = {
    SURE: (YES, 0.93, "The indication is confirmed."),
    UNSURE: (NO, 0.31, REASON),
    TOO_CLOSE: (YES, 0.51, "The documents support it."),
    TOO_CLOSE_DE: (YES, 0.51, "Die Unterlagen stützen es."),
    SLOW: ModelTimeout("no answer within 60 s"),
    SURE_DE: (YES, 0.93, "Die Indikation ist bestätigt."),
    UNSURE_DE: (NO, 0.31, REASON_DE),
}


def _of_sentences(text: str) -> Entry:
    """Unsure about a text without a sentence of the table."""
    parts = [weight for sentence, weight in SENTENCES.items() if sentence in text]
    p_yes = 0.5 + sum(parts) if parts else 0.31
    return (YES if p_yes >= 0.5 else NO, p_yes, text)


class TableClient:
    """A model that knows the answers of a table, and is unsure about everything else."""

    def __init__(self, release: ModelRelease, *, reasons: bool) -> None:
        self._release, self._reasons = release, reasons
        self.pause_seconds = 0.0
        self.asked: list[tuple[str, str]] = []

    async def release(self) -> ModelRelease:
        return self._release

    async def ready(self) -> bool:
        return True

    async def answer(self, text: str, language: str) -> Answer:
        self.asked.append((text, language))
        await asyncio.sleep(self.pause_seconds)
        entry = ANSWERS.get(text) or _of_sentences(text)
        if isinstance(entry, ModelError):
            raise entry
        stated, p_yes, reason = entry
        return Answer(
            release=self._release,
            stated=stated,
            probabilities=yes_no(p_yes),
            verdict_mass=0.98 if self._reasons else None,
            justification=reason if self._reasons else None,
            completion_tokens=14 if self._reasons else None,
            latency_seconds=0.4,
        )

    async def verdict(self, text: str, language: str) -> Answer:
        """The answer without its justification."""
        return (await self.answer(text, language)).model_copy(update={"justification": None})

    async def stream(self, text: str, language: str) -> AsyncIterator[str | Answer]:
        yield await self.answer(text, language)

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        return [await self.answer(text, language) for text in texts]

    async def close(self) -> None:
        return None


class RankingClient(TableClient):
    """A model of a task with more labels: the label that the text names is the best, the next ones follow.

    The first label is the best one of a text that names none, such as a text without one of its parts.
    """

    def __init__(self, labels: Sequence[str], release: ModelRelease = ENCODER) -> None:
        super().__init__(release, reasons=False)
        self._labels = labels

    async def answer(self, text: str, language: str) -> Answer:
        self.asked.append((text, language))
        best = self._labels.index(text) if text in self._labels else 0
        order = [*self._labels[best:], *self._labels[:best]]
        masses = {label: 0.6 * 0.4 ** order.index(label) for label in self._labels}
        probabilities, _ = normalized(masses)
        return Answer(
            release=self._release, stated=order[0], probabilities=probabilities, latency_seconds=0.4
        )


def clients() -> dict[str, TableClient]:
    """An encoder without and a decoder with reasons."""
    return {"encoder": TableClient(ENCODER, reasons=False), "decoder": TableClient(DECODER, reasons=True)}


def make_app(
    state_dir: Path,
    *,
    models: Mapping[str, TableClient] | None = None,
    store: Store | None = None,
    api_keys_file: Path | None = None,
    task: Path = TASK,
) -> FastAPI:
    """The application with thresholds for both models of `medical`: sure outside .2-.8, unclear within .45-.55."""
    settings = Settings(task=task, state_dir=state_dir, api_keys_file=api_keys_file)
    for release in (ENCODER, DECODER):
        file = thresholds.ThresholdFile(task="medical", release=release, languages={"en": CUTS, "de": CUTS})
        thresholds.save(settings.thresholds_dir, file)
    return create_app(settings, clients=models or clients(), store=store)


@contextlib.contextmanager
def serving(app: FastAPI, port: int) -> Iterator[str]:
    """Serve an application from a thread; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError(f"no server on port {port}: it is in use")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
