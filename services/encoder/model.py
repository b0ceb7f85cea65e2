"""The encoder as a KServe model: open inference protocol, V1 and V2."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import kserve
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse
from kserve.errors import InvalidInput

from services.encoder.runtime import Encoder
from signalbox.contracts.record import Verdict
from signalbox.errors import InputError

MAX_BATCH = 256
MAX_CHARACTERS = 20_000
Payload = dict[str, Any]


class EncoderModel(kserve.Model):  # type: ignore[misc]  # kserve is untyped
    """Computes in a thread of its own, so that health checks are answered during a batch.

    The encoder is loaded before the server starts: KServe drops a model that is not ready by then.
    """

    def __init__(self, encoder: Encoder, name: str = "encoder") -> None:
        super().__init__(name)
        self._encoder = encoder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self.ready = True

    async def preprocess(self, payload: Payload | InferRequest, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401, ARG002
        """Check the request; an invalid one is a 400 with field, value and hint."""
        try:
            return texts_v2(payload) if isinstance(payload, InferRequest) else (texts_v1(payload), None)
        except InputError as error:
            raise InvalidInput(str(error)) from error

    async def predict(self, payload: Any, headers: dict[str, str] | None = None, **_: object) -> Any:  # noqa: ANN401, ARG002
        """p(yes), verdict and release of each text."""
        texts, request = payload
        loop = asyncio.get_running_loop()
        p_yes = await loop.run_in_executor(self._thread, self._encoder.p_yes, texts)
        return self._v1(p_yes) if request is None else self._v2(p_yes, request)

    def _v1(self, p_yes: list[float]) -> Payload:
        release = self._encoder.release.model_dump()
        return {"predictions": [{"verdict": verdict(p), "p_yes": p, "release": release} for p in p_yes]}

    def _v2(self, p_yes: list[float], request: InferRequest) -> InferResponse:
        probability = InferOutput("p_yes", [len(p_yes)], "FP64", data=p_yes)
        verdicts = InferOutput("verdict", [len(p_yes)], "BYTES", data=[verdict(p) for p in p_yes])
        return InferResponse(
            response_id=request.id or str(uuid.uuid4()),  # optional in the protocol, required by KServe 0.21
            model_name=self.name,
            model_version=self._encoder.release.revision,
            infer_outputs=[probability, verdicts],
            parameters={"release": self._encoder.release.model_dump_json()},
        )

    async def get_input_types(self) -> list[dict[str, Any]]:
        """For the metadata route."""
        return [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("text", "language")]

    async def get_output_types(self) -> list[dict[str, Any]]:
        """For the metadata route."""
        return [
            {"name": "p_yes", "datatype": "FP64", "shape": [-1]},
            {"name": "verdict", "datatype": "BYTES", "shape": [-1]},
        ]


def verdict(p_yes: float) -> str:
    """The verdict by one half, before any calibrated threshold."""
    return (Verdict.YES if p_yes >= 0.5 else Verdict.NO).value


def texts_v1(payload: object) -> list[str]:
    """Texts of `{"instances": [{"text": …}]}`."""
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list):
        raise InputError("instances", instances, 'Send {"instances": [{"text": "…", "language": "en"}]}.')
    return check(
        [item.get("text") if isinstance(item, dict) else None for item in instances], "instances[{}].text"
    )


def texts_v2(request: InferRequest) -> tuple[list[str], InferRequest]:
    """Texts of the BYTES input `text`, shape [n] or [n, 1]."""
    tensor = next((item for item in request.inputs if item.name == "text"), None)
    if tensor is None or tensor.datatype != "BYTES":
        names = [f"{item.name}:{item.datatype}" for item in request.inputs]
        raise InputError("inputs", names, "Send an input named text of datatype BYTES.")
    try:
        values = np.asarray(tensor.as_numpy()).ravel().tolist()
    except ValueError as error:
        raise InputError(
            "inputs.text.shape", tensor.shape, "Give the number of texts, [n] or [n, 1]."
        ) from error
    return check([_text_of(value) for value in values], "inputs.text[{}]"), request


def check(values: list[object], field: str) -> list[str]:
    """The values as texts. Raises InputError for the first thing that is wrong with them."""
    if not 0 < len(values) <= MAX_BATCH:
        raise InputError(field.format(""), len(values), f"Send 1 to {MAX_BATCH} texts in a request.")
    texts = []
    for index, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            raise InputError(field.format(index), value, "Send a text that is not empty.")
        if len(value) > MAX_CHARACTERS:
            raise InputError(field.format(index), value, f"Send at most {MAX_CHARACTERS} characters.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError(field.format(index), value, "Send text without lone surrogates.")
        texts.append(value)
    return texts


def _text_of(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
