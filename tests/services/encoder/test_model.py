"""The predictor as a real KServe server on loopback."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from signalbox.contracts.record import ModelRelease
from signalbox.models.encoder import EncoderClient
from signalbox.settings import Settings
from tests.helpers import has_ipv6, running_encoder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    host = "::" if has_ipv6() else "127.0.0.1"
    with running_encoder(Settings(host=host), tmp_path_factory.mktemp("encoder")) as base:
        yield base


async def post(url: str, body: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return answer.status, await answer.json()


async def test_v1(url: str) -> None:
    instances = [{"text": "Die Maßnahme wird befürwortet. ✓", "language": "de"}, {"text": "No."}]
    status, body = await post(f"{url}/v1/models/encoder:predict", {"instances": instances})
    assert status == 200
    assert len(body["predictions"]) == 2
    for prediction in body["predictions"]:
        assert list(prediction["probabilities"]) == ["yes", "no"]
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)
        assert prediction["p_yes"] == prediction["probabilities"]["yes"]
    assert ModelRelease.model_validate(body["predictions"][0]["release"]).engine == "onnxruntime"


async def test_v2_says_which_texts_are_cut_off(url: str) -> None:
    texts = ["Short.", "The measure is described at great length. " * 100]
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": texts}
    status, body = await post(f"{url}/v2/models/encoder/infer", {"inputs": [tensor]})
    assert status == 200
    outputs = {output["name"]: output["data"] for output in body["outputs"]}
    assert outputs["truncated"] == [False, True]


@pytest.mark.skipif(not has_ipv6(), reason="this kernel has no IPv6")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_it_is_reached_over_ipv4_and_ipv6(url: str, host: str) -> None:
    client = EncoderClient(f"http://{host}:{url.rpartition(':')[2]}", timeout_seconds=10)
    assert await client.ready()
    await client.close()


async def test_both_protocols_and_the_client_agree(url: str) -> None:
    text = "Socio-medical indication for the aid is confirmed."
    _, body = await post(f"{url}/v1/models/encoder:predict", {"instances": [{"text": text}]})
    client = EncoderClient(url, timeout_seconds=10)
    answer = await client.answer(text, "en")
    assert await client.ready()
    assert await client.release() == answer.release
    await client.close()
    assert answer.probabilities == pytest.approx(body["predictions"][0]["probabilities"], abs=1e-9)


@pytest.mark.parametrize("count", [64, 300])
async def test_a_large_batch_keeps_its_order(url: str, count: int) -> None:
    """Also one that the service does not accept in one request."""
    client = EncoderClient(url, timeout_seconds=30)
    texts = [f"Sentence number {i} about the aid." for i in range(count)]
    together = await client.answer_many(texts, "en")
    places = (0, 1, count - 1)
    alone = [await client.answer(texts[place], "en") for place in places]
    await client.close()
    assert len(together) == count
    assert [together[place].p_yes for place in places] == pytest.approx([a.p_yes for a in alone], abs=1e-5)


async def test_a_text_above_the_limit_is_answered_as_cut_off(url: str) -> None:
    client = EncoderClient(url, timeout_seconds=30)
    answers = await client.answer_many(["The aid is necessary. " * 1000, "The aid is necessary."], "en")
    await client.close()
    assert [answer.truncated for answer in answers] == [True, False]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"instances": [{"text": "  "}]}, "instances[0].text"),
        ({"instances": [{"text": 7}]}, "instances[0].text"),
        ({"instances": ["plain"]}, "instances[0].text"),
        ({"instances": []}, "instances"),
        ({"instances": [{"text": "x"}] * 300}, "1 to 256"),
        ({"instances": [{"text": "x" * 20_001}]}, "20000 characters"),
    ],
)
async def test_wrong_input_is_a_400_that_names_it(url: str, body: Any, named: str) -> None:
    status, answer = await post(f"{url}/v1/models/encoder:predict", body)
    assert status == 400
    assert named in answer["error"]


@pytest.mark.parametrize("route", ["v1/models/encoder:predict", "v2/models/encoder/infer"])
async def test_an_error_says_how_long_the_text_is_and_does_not_quote_it(url: str, route: str) -> None:
    text = "Frau Erika Mustermann " * 1000
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    body = {"instances": [{"text": text}]} if route.startswith("v1") else {"inputs": [tensor]}
    status, answer = await post(f"{url}/{route}", body)
    assert status == 400
    assert "got 22000 characters. Send at most 20000" in answer["error"]
    assert "Erika" not in json.dumps(answer)


async def test_a_plain_v2_request_gets_the_body_that_kserve_would_give(url: str) -> None:
    texts = ["Die Maßnahme wird befürwortet. ✓", "The measure is described at great length. " * 100]
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": texts}
    status, direct = await post(f"{url}/v2/models/encoder/infer", {"id": "7", "inputs": [tensor]})
    # Parameters are no part of the plain form, so KServe's own route answers.
    own_tensor = {**tensor, "parameters": {"note": "x"}}
    own_status, own = await post(f"{url}/v2/models/encoder/infer", {"id": "7", "inputs": [own_tensor]})
    assert status == own_status == 200
    assert list(direct) == list(own)
    assert direct == own


async def test_concurrent_requests_get_their_own_answers(url: str) -> None:
    client = EncoderClient(url, timeout_seconds=30)
    texts = [f"Sentence {'about the aid ' * i}." for i in range(1, 25)]
    alone = [await client.answer(text, "en") for text in texts]
    together = await asyncio.gather(*(client.answer(text, "en") for text in texts))
    await client.close()
    assert [a.p_yes for a in together] == pytest.approx([a.p_yes for a in alone], abs=1e-5)


@pytest.mark.parametrize("data", [["  "], ["x" * 20_001]])
async def test_a_plain_v2_request_with_a_wrong_text_is_a_400_that_names_it(url: str, data: Any) -> None:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": data}
    status, answer = await post(f"{url}/v2/models/encoder/infer", {"inputs": [tensor]})
    assert status == 400
    assert "inputs.text[0]" in answer["error"]


async def test_another_model_is_a_404(url: str) -> None:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["x"]}
    status, _ = await post(f"{url}/v2/models/other/infer", {"inputs": [tensor]})
    assert status == 404


async def test_v2_without_a_text_input(url: str) -> None:
    tensor = {"name": "words", "datatype": "BYTES", "shape": [1], "data": ["x"]}
    status, answer = await post(f"{url}/v2/models/encoder/infer", {"inputs": [tensor]})
    assert status == 400
    assert "named text" in answer["error"]


@pytest.mark.parametrize("shape", [[3], [0], [1, 2]])
async def test_v2_with_a_shape_that_is_not_the_datas(url: str, shape: list[int]) -> None:
    tensor = {"name": "text", "datatype": "BYTES", "shape": shape, "data": ["x"]}
    status, answer = await post(f"{url}/v2/models/encoder/infer", {"inputs": [tensor]})
    assert status == 400
    assert "shape" in answer["error"]


V1, V2 = "v1/models/encoder:predict", "v2/models/encoder/infer"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (V1, b'{"instances":[{"text":"Ma\xdf"}]}'),
        (V1, b'{"instances":[{"text":"\\ud800"}]}'),
        (V1, b"{"),
        (V2, b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["Ma\xdf"]}]}'),
        (V2, b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["\\ud800"]}]}'),
        (V2, b"{"),
    ],
)
async def test_a_body_that_is_no_text_is_a_4xx(url: str, path: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/{path}", data=body, headers=headers) as answer,
    ):
        assert 400 <= answer.status < 500


async def test_is_alive_while_it_computes(url: str) -> None:
    """A batch of long texts keeps the thread busy; liveness is answered before it is done."""
    long = {"instances": [{"text": "The measure is described at great length. " * 100}] * 128}
    batch = asyncio.create_task(post(f"{url}/v1/models/encoder:predict", long))
    await asyncio.sleep(0.3)
    async with aiohttp.ClientSession() as session, session.get(f"{url}/v2/health/live") as answer:
        assert answer.status == 200
    assert not batch.done()
    assert (await batch)[0] == 200
