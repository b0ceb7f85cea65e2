"""A toy task with the real assessor on loopback, over models whose answer is in the first words of their input."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from fastapi import FastAPI

from services.assessor.app import create_app
from signalbox import thresholds
from signalbox.contracts.labels import yes_no
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.errors import ModelTimeout
from signalbox.models.base import Answer
from signalbox.models.engines import ENGINES
from signalbox.models.release import release_from_listing
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor.page_app import CUTS, ENCODER, TableClient, serving


class Scripted(TableClient):
    """Answers `VERDICT P_YES …` with that verdict and p(yes); `slow …` is not answered in time."""

    async def answer(self, text: str, language: str) -> Answer:
        self.asked.append((text, language))
        await asyncio.sleep(self.pause_seconds)
        word, p_yes, *_ = text.split()
        if word == "slow":
            raise ModelTimeout("no answer within 60 s")
        return Answer(
            release=await self.release(),
            stated=word,
            probabilities=yes_no(float(p_yes)),
            verdict_mass=0.98 if self._reasons else None,
            justification="So it is." if self._reasons else None,
            completion_tokens=3 if self._reasons else None,
            latency_seconds=0.0,
        )


def row(number: int, label: str, answer: str, language: str = "en", split: str = "test") -> LabeledText:
    """A labeled text; `answer` is the models' verdict and p(yes)."""
    name = f"{language}-{split}-{number}"
    return LabeledText.model_validate(
        {
            "id": name,
            "text": f"{answer} {'word ' * (number % 5)}{name}",
            "label": label,
            "language": language,
            "family": name,
            "split": split,
        }
    )


def rows_right_and_wrong(language: str = "en", count: int = 8) -> list[LabeledText]:
    """Half yes, half no; every fourth one is answered wrongly, and all confidently."""
    answers = {"yes": "yes 0.9", "no": "no 0.1"}
    labels = ["yes" if i % 2 else "no" for i in range(count)]
    other = {"yes": "no", "no": "yes"}
    return [
        row(i, label, answers[other[label] if i % 4 == 3 else label], language)
        for i, label in enumerate(labels)
    ]


FEW_SHOT = [
    row(i, label, "yes 0.9", language, "few-shot")
    for language in ("en", "de")
    for i, label in enumerate(("yes", "no", "yes", "no"))
]


def write_task(folder: Path, name: str, rows: Sequence[LabeledText]) -> Path:
    """`task.yaml` in English and German, and the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"system": "s", "words": {"yes": ["Yes"], "no": ["No"]}, "turns": []}
    task = {"name": name, "title": {}, "question": {}, "languages": {"en": spec, "de": spec}}
    (folder / "task.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    (folder / "data.jsonl").write_text("".join(r.model_dump_json() + "\n" for r in rows), encoding="utf-8")
    return folder


@dataclass
class World:
    """Settings, and the models behind the assessor."""

    settings: Settings
    encoder: Scripted
    decoder: Scripted
    served: dict[str, ModelRelease] = field(default_factory=dict)

    def change_encoder(self, revision: str) -> None:
        """Another release answers from now on, and its server names it."""
        release = self.served["encoder"].model_copy(update={"revision": revision})
        self.served["encoder"] = self.encoder._release = release

    @property
    def asked(self) -> list[str]:
        """Every text that reached a model."""
        return [text for model in (self.encoder, self.decoder) for text, _ in model.asked]

    def calibrate(self, cuts: thresholds.Thresholds = CUTS) -> None:
        """Thresholds for both releases and languages."""
        for release in self.served.values():
            languages = {"en": cuts, "de": cuts}
            file = thresholds.ThresholdFile(task=self.task_name, release=release, languages=languages)
            thresholds.save(self.settings.thresholds_dir, file)

    @property
    def task_name(self) -> str:
        """As in the task's file."""
        return str(yaml.safe_load((self.settings.task / "task.yaml").read_text())["name"])

    @contextlib.contextmanager
    def assessor(self) -> Iterator[None]:
        """The real assessor, on its port."""
        app = create_app(self.settings, clients={"encoder": self.encoder, "decoder": self.decoder})
        with serving(app, self.settings.assessor_port):
            yield

    @contextlib.contextmanager
    def model_servers(self) -> Iterator[None]:
        """The models themselves: they name their release."""
        app = FastAPI()

        @app.get("/v2/models/encoder")
        def encoder() -> dict[str, object]:
            return {"name": "encoder", "parameters": {"release": self.served["encoder"].model_dump()}}

        @app.get("/v1/models")
        def decoder() -> dict[str, object]:
            return {"data": [{"id": self.settings.decoder_model, "owned_by": "llamacpp"}]}

        with serving(app, self.settings.encoder_port):
            yield


def make_world(folder: Path, name: str, mlflow_url: str, rows: Sequence[LabeledText]) -> World:
    """A world whose decoder is a small file, so that its release and its size are real."""
    model = folder / "tiny-Q4_1.gguf"
    model.write_bytes(b"weights " * 131_072)
    release_dir = folder / "run" / "releases" / "encoder-1"
    release_dir.mkdir(parents=True)
    (release_dir / "model.onnx").write_bytes(bytes(2**20))
    (release_dir.parent / "current").write_text("encoder-1\n", encoding="utf-8")
    models_port = free_port()
    settings = Settings(
        task=write_task(folder / "task", name, [*FEW_SHOT, *rows]),
        state_dir=folder / "run",
        assessor_port=free_port(),
        encoder_port=models_port,
        decoder_port=models_port,
        decoder_model=str(model),
        mlflow_url=mlflow_url,
    )
    decoder = release_from_listing({"id": str(model)}, ENGINES["llama.cpp"], local=True)
    world = World(settings, Scripted(ENCODER, reasons=False), Scripted(decoder, reasons=True))
    world.served = {"encoder": ENCODER, "decoder": decoder}
    world.calibrate()
    return world
