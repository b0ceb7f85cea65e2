"""The direct V2 route: which bodies are plain."""

import json

import pytest

from services.encoder.direct import PlainRequest, plain_request

TEXT = {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
LANGUAGE = {"name": "language", "datatype": "BYTES", "shape": [2, 1], "data": ["en", "en"]}


def read(content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return plain_request(body, {"content-type": "application/json", **headers}.get)


def test_a_plain_request_has_its_texts_and_its_id():
    assert read({"inputs": [LANGUAGE, TEXT]}) == PlainRequest(["a", "b"], None)
    assert read({"id": "7", "inputs": [TEXT]}) == PlainRequest(["a", "b"], "7")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["\xdf"]}]}',
        [],
        {"id": "7"},
        {"id": 7, "inputs": [TEXT]},
        {"inputs": [TEXT], "parameters": {}},
        {"inputs": [TEXT], "outputs": []},
        {"inputs": [LANGUAGE]},
        {"inputs": ["text"]},
        {"inputs": [{**TEXT, "parameters": {}}]},
        {"inputs": [{**TEXT, "datatype": "FP32"}]},
        {"inputs": [{**TEXT, "shape": [1]}]},
        {"inputs": [{**TEXT, "data": ["a", 7]}]},
        {"inputs": [{**TEXT, "data": [["a"], ["b"]]}]},
    ],
)
def test_any_other_body_goes_to_kserve(content):
    assert read(content) is None


def test_binary_tensors_and_cloud_events_go_to_kserve():
    content = {"inputs": [TEXT]}
    assert read(content, **{"inference-header-content-length": "10"}) is None
    assert read(content, **{"ce-id": "1"}) is None
    assert read(content, **{"content-type": "application/cloudevents+json"}) is None
