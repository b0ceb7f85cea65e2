"""The encoder as a KServe model: open inference protocol, V1 and V2."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.encoder.direct import PlainRequest
from services.encoder.kserve_parts import InferOutput, InferRequest, InferResponse, InvalidInput, Model
from services.encoder.runtime import Encoder, TextAnswer
from services.encoder.waiting import Waiting
from signalbox.contracts.encoders import MAX_CHARACTERS, MAX_TEXTS
from signalbox.contracts.labels import BINARY, LabelProbabilities, p_yes_of, ranking
from signalbox.errors import InputError

V2_FIELD = "inputs.text[{}]"
Payload = dict[str, Any]


class EncoderModel(Model):  # type: ignore[misc]  # kserve is untyped
    """Answers requests of both protocols.

    The encoder is loaded before the server starts: KServe drops a model that is not ready by then.
    """

    def __init__(self, encoder: Encoder, name: str = "encoder") -> None:
        super().__init__(name)
        self._encoder = encoder
        self._waiting = Waiting(encoder.answers)
        # Parameters of the protocol are flat, so both are JSON in a string.
        self._parameters = {
            "release": encoder.release.model_dump_json(),
            "labels": json.dumps(list(encoder.labels.names), ensure_ascii=False),
        }
        self.ready = True

    async def preprocess(
        self,
        payload: Payload | InferRequest | PlainRequest,
        headers: dict[str, str] | None = None,  # noqa: ARG002
    ) -> tuple[list[str], InferRequest | PlainRequest | None]:
        """Check the request; an invalid one is a 400 with field, value and hint."""
        try:
            if isinstance(payload, PlainRequest):
                return check(payload.texts, V2_FIELD), payload
            return texts_v2(payload) if isinstance(payload, InferRequest) else (texts_v1(payload), None)
        except InputError as error:
            raise InvalidInput(str(error)) from error

    async def predict(self, payload: Any, headers: dict[str, str] | None = None, **_: object) -> Any:  # noqa: ANN401, ARG002
        """Probabilities, verdict and release of each text."""
        texts, request = payload
        answers = await self._waiting.results(texts)
        if request is None:
            return self._v1(answers)
        return (
            self._direct(answers, request)
            if isinstance(request, PlainRequest)
            else self._v2(answers, request)
        )

    def _v1(self, answers: Sequence[TextAnswer]) -> Payload:
        release = self._encoder.release.model_dump()
        return {
            "predictions": [
                {"verdict": ranking(row)[0], "probabilities": row, **_old_fields(row), "release": release}
                for row, _ in answers
            ]
        }

    def _v2(self, answers: Sequence[TextAnswer], request: InferRequest) -> InferResponse:
        return InferResponse(
            response_id=request.id or str(uuid.uuid4()),  # optional in the protocol, required by KServe 0.21
            model_name=self.name,
            model_version=self._encoder.release.revision,
            infer_outputs=[InferOutput(**tensor) for tensor in self._tensors(answers)],
            parameters=self._parameters,
        )

    def _direct(self, answers: Sequence[TextAnswer], request: PlainRequest) -> Payload:
        """The same as a body, with the fields that KServe's data classes add."""
        return {
            "model_name": self.name,
            "model_version": self._encoder.release.revision,
            "id": request.id or str(uuid.uuid4()),
            "parameters": self._parameters,
            "outputs": [{**tensor, "parameters": None} for tensor in self._tensors(answers)],
        }

    def _tensors(self, answers: Sequence[TextAnswer]) -> list[Payload]:
        """Name, shape, datatype and data of each output."""
        count = len(answers)
        rows = [row for row, _ in answers]
        columns: list[tuple[str, list[int], str, list[Any]]] = [
            (
                "probabilities",
                [count, len(self._encoder.labels.names)],
                "FP64",
                [p for row in rows for p in row.values()],
            ),
            ("verdict", [count], "BYTES", [ranking(row)[0] for row in rows]),
            ("truncated", [count], "BOOL", [is_truncated for _, is_truncated in answers]),
        ]
        if self._is_yes_no:
            columns.append(("p_yes", [count], "FP64", [p_yes_of(row) for row in rows]))
        return [dict(zip(("name", "shape", "datatype", "data"), column, strict=True)) for column in columns]

    async def get_input_types(self) -> list[dict[str, Any]]:
        """For the metadata route."""
        return [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("text", "language")]

    async def get_output_types(self) -> list[dict[str, Any]]:
        """For the metadata route."""
        names = self._encoder.labels.names
        old = [{"name": "p_yes", "datatype": "FP64", "shape": [-1]}] if self._is_yes_no else []
        return [
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, len(names)]},
            {"name": "verdict", "datatype": "BYTES", "shape": [-1]},
            {"name": "truncated", "datatype": "BOOL", "shape": [-1]},
            *old,
        ]

    @property
    def _is_yes_no(self) -> bool:
        return set(self._encoder.labels.names) == set(BINARY)


def _old_fields(row: LabelProbabilities) -> dict[str, float]:
    """The field of the first version, for one more version; only yes/no tasks have it."""
    p_yes = p_yes_of(row)
    return {} if p_yes is None else {"p_yes": p_yes}


def texts_v1(payload: object) -> list[str]:
    """Texts of `{"instances": [{"text": …}]}`."""
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list):
        raise _wrong("instances", instances, 'Send {"instances": [{"text": "…", "language": "en"}]}.')
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
    return check([_text_of(value) for value in values], V2_FIELD), request


def check(values: list[object], field: str) -> list[str]:
    """The values as texts. Raises InputError for the first thing that is wrong with them."""
    if not 0 < len(values) <= MAX_TEXTS:
        raise InputError(field.format(""), len(values), f"Send 1 to {MAX_TEXTS} texts in a request.")
    texts = []
    for index, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            raise _wrong(field.format(index), value, "Send a text that is not empty.")
        if len(value) > MAX_CHARACTERS:
            raise _wrong(field.format(index), value, f"Send at most {MAX_CHARACTERS} characters.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _wrong(field.format(index), value, "Send text without lone surrogates.")
        texts.append(value)
    return texts


def _wrong(field: str, value: object, hint: str) -> InputError:
    """The error says how long a text is and does not quote it: callers log and store the error."""
    got = f"{len(value)} characters" if isinstance(value, str) else f"a value of type {type(value).__name__}"
    return InputError(field, got, hint, problem=f"{field}: got {got}.")


def _text_of(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
