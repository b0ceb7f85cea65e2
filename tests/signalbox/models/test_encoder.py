"""The encoder client against loopback servers that speak the open inference protocol."""

import asyncio
import json

import pytest
from aiohttp import web

from signalbox.contracts.encoders import MAX_CHARACTERS, MAX_TEXTS
from signalbox.contracts.labels import NO, YES
from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelRejected, ModelTimeout, ModelUnavailable, ModelUnparsable
from signalbox.models.encoder import EncoderClient
from signalbox.serving.sharing import Sharing
from signalbox.tasks import Task, load_task

from .conftest import serving

RELEASE = ModelRelease(name="minilm", revision="7", engine="onnxruntime", quantization="int8")


def outputs(p_yes, verdicts, release=RELEASE) -> dict:
    return {
        "model_name": "encoder",
        "outputs": [
            {"name": "p_yes", "datatype": "FP64", "shape": [len(p_yes)], "data": p_yes},
            {"name": "verdict", "datatype": "BYTES", "shape": [len(verdicts)], "data": verdicts},
        ],
        "parameters": {"release": release.model_dump_json()},
    }


async def infer(request):
    """Yes where the text contains an x."""
    columns = {column["name"]: column for column in (await request.json())["inputs"]}
    texts = columns["text"]["data"]
    assert columns["text"]["shape"] == columns["language"]["shape"] == [len(texts)]
    p_yes = [0.9 if "x" in text else 0.1 for text in texts]
    return web.json_response(outputs(p_yes, ["yes" if p > 0.5 else "no" for p in p_yes]))


def saying(status=200, body=b"{}"):
    async def handler(request):
        return web.Response(status=status, body=body)

    return handler


ROUTES = {
    "GET /v2/models/encoder": saying(body=b'{"name":"encoder"}'),
    "GET /v2/models/encoder/ready": saying(),
    "POST /v2/models/encoder/infer": infer,
}


async def test_a_batch_is_one_request_in_order():
    async with serving(ROUTES) as url:
        client = EncoderClient(url, timeout_seconds=5)
        answers = await client.answer_many(["ax", "b", "cx"], "en")
        assert [a.stated for a in answers] == [YES, NO, YES]
        assert [a.p_yes for a in answers] == [0.9, 0.1, 0.9]
        assert {a.release for a in answers} == {RELEASE}
        assert (await client.answer("x", "de")).p_yes == 0.9
        (streamed,) = [piece async for piece in client.stream("x", "de")]
        assert (streamed.stated, streamed.p_yes) == (YES, 0.9)
        assert await client.answer_many([], "en") == []
        assert await client.ready()
        assert await client.release() == RELEASE
        await client.close()


async def test_the_release_is_read_from_the_metadata_where_it_is():
    metadata = {"name": "encoder", "parameters": {"release": RELEASE.model_dump_json()}}
    async with serving({"GET /v2/models/encoder": saying(body=json.dumps(metadata).encode())}) as url:
        client = EncoderClient(url, timeout_seconds=5)
        assert await client.release() == RELEASE
        await client.close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"", ModelUnavailable),
        (503, b"{}", ModelUnavailable),
        (400, b'{"error":"bad"}', ModelRejected),
        (404, b"{}", ModelRejected),
        (200, b"", ModelUnparsable),
        (200, b"[]", ModelUnparsable),
        (200, b"<html>", ModelUnparsable),
        (200, b'{"outputs":[]}', ModelUnparsable),
        (200, json.dumps(outputs([0.1, 0.2], ["no", "no"])).encode(), ModelUnparsable),
        (200, json.dumps(outputs([7.0], ["no"])).encode(), ModelUnparsable),
        (200, json.dumps(outputs([0.1], ["maybe"])).encode(), ModelUnparsable),
    ],
)
async def test_bad_replies(status, body, error):
    async with serving({"POST /v2/models/encoder/infer": saying(status, body)}) as url:
        client = EncoderClient(url, timeout_seconds=5)
        with pytest.raises(error) as caught:
            await client.answer("x", "en")
        await client.close()
    assert type(caught.value) is error


async def test_a_redirect_takes_no_text_elsewhere():
    seen = []

    async def elsewhere(request):
        seen.append(await request.text())
        return web.json_response({})

    async def redirect(request):
        raise web.HTTPTemporaryRedirect("/elsewhere")

    handlers = {"POST /v2/models/encoder/infer": redirect, "POST /elsewhere": elsewhere}
    async with serving(handlers) as url:
        client = EncoderClient(url, timeout_seconds=5)
        with pytest.raises(ModelRejected) as caught:
            await client.answer("x", "en")
        await client.close()
    assert "HTTP 307" in str(caught.value)
    assert "set the address that it redirects to" in str(caught.value.hint)
    assert seen == []


TASK = """
name: toy
title: {en: Toy}
question: {en: "Which?"}
labels:
  - {name: Netz, words: {en: [Network]}, former: [LAN]}
  - {name: Größe, words: {en: [Size]}}
  - {name: a/b, words: {en: [Other]}}
languages:
  en: {system: Answer., turns: []}
"""


@pytest.fixture
def task(tmp_path) -> Task:
    (tmp_path / "task.yaml").write_text(TASK, encoding="utf-8")
    return load_task(tmp_path)


def saying_labels(labels, rows, verdicts):
    body = {
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP64",
                "shape": [len(rows), len(labels)],
                "data": [p for row in rows for p in row],
            },
            {"name": "verdict", "datatype": "BYTES", "shape": [len(verdicts)], "data": verdicts},
        ],
        "parameters": {"release": RELEASE.model_dump_json(), "labels": json.dumps(labels)},
    }
    return {"POST /v2/models/encoder/infer": saying(body=json.dumps(body).encode())}


async def test_all_probabilities_come_in_the_order_of_the_task(task):
    """The release may be older than the order, and than a label's name."""
    labels = ["a/b", "LAN", "Größe"]
    routes = saying_labels(labels, [[0.25, 0.5, 0.25], [0.75, 0.0, 0.25]], ["LAN", "a/b"])
    async with serving(routes) as url:
        client = EncoderClient(url, timeout_seconds=5, task=task)
        first, second = await client.answer_many(["x", "y"], "en")
        await client.close()
    assert list(first.probabilities.items()) == [("Netz", 0.5), ("Größe", 0.25), ("a/b", 0.25)]
    assert (first.stated, second.stated) == ("Netz", "a/b")
    assert first.p_yes is None


@pytest.mark.parametrize(
    ("labels", "row", "verdict", "named"),
    [
        (["Netz", "Größe"], [0.5, 0.5], "Netz", "signalbox train"),
        (["Netz", "Größe", "removed"], [0.5, 0.25, 0.25], "Netz", "removed"),
        (["Netz", "LAN", "Größe", "a/b"], [0.25, 0.25, 0.25, 0.25], "Netz", "LAN"),
        (["Netz", "Größe", "a/b"], [0.5, 0.25, 0.25], "other", "none of its labels"),
        (["Netz", "Größe", "a/b"], [0.5, 0.25], "Netz", "rows of 3 labels"),
        (["Netz", "Größe", "a/b"], [0.5, 0.25, 0.5], "Netz", "agreed form"),
    ],
)
async def test_a_release_of_other_labels_is_named_with_its_hint(task, labels, row, verdict, named):
    async with serving(saying_labels(labels, [row], [verdict])) as url:
        client = EncoderClient(url, timeout_seconds=5, task=task)
        with pytest.raises(ModelUnparsable) as caught:
            await client.answer("x", "en")
        await client.close()
    assert named in str(caught.value)


async def test_a_server_that_wants_a_key_is_not_explained_by_the_decoders():
    async with serving({"POST /v2/models/encoder/infer": saying(401)}) as url:
        client = EncoderClient(url, timeout_seconds=5)
        with pytest.raises(ModelRejected, match="none is sent to it") as caught:
            await client.answer("x", "en")
        await client.close()
    assert "DECODER" not in str(caught.value)


async def test_nobody_listens():
    client = EncoderClient("http://127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(ModelUnavailable):
        await client.answer("x", "en")
    assert not await client.ready()
    await client.close()


async def test_a_server_that_hangs_times_out():
    async def hang(request):
        await asyncio.sleep(30)

    async with serving({"POST /v2/models/encoder/infer": hang}) as url:
        client = EncoderClient(url, timeout_seconds=0.2)
        with pytest.raises(ModelTimeout):
            await client.answer("x", "en")
        await client.close()


@pytest.mark.parametrize(("breaks", "fails"), [(1, False), (2, True)])
async def test_a_reset_connection_is_tried_once_more(breaks, fails):
    calls = []

    async def handler(request):
        calls.append(request)
        if len(calls) <= breaks:
            request.transport.abort()
        return await infer(request)

    async with serving({"POST /v2/models/encoder/infer": handler}) as url:
        client = EncoderClient(url, timeout_seconds=5)
        if fails:
            with pytest.raises(ModelUnavailable):
                await client.answer("x", "en")
        else:
            assert (await client.answer("x", "en")).p_yes == 0.9
        await client.close()
    assert len(calls) == 2


async def test_concurrent_calls_share_a_request_with_the_language_of_each_text():
    requests, may_answer = [], asyncio.Event()

    async def handler(request):
        requests.append([tuple(column["data"]) for column in (await request.json())["inputs"]])
        await may_answer.wait()
        return await infer(request)

    async with serving({"POST /v2/models/encoder/infer": handler}) as url:
        client = EncoderClient(url, timeout_seconds=5, sharing=Sharing(concurrency=1))
        first = asyncio.create_task(client.answer("first", "en"))
        while not requests:
            await asyncio.sleep(0.01)
        later = [client.answer("x", "de"), client.answer_many(["a", "bx"], "en")]
        tasks = [asyncio.create_task(call) for call in later]
        await asyncio.sleep(0.05)
        may_answer.set()
        one, many = await asyncio.gather(*tasks)
        await first
        await client.close()
    assert requests == [[("first",), ("en",)], [("x", "a", "bx"), ("de", "en", "en")]]
    assert (one.p_yes, [answer.p_yes for answer in many]) == (0.9, [0.1, 0.9])
    # Each waited for the request before, too.
    assert min(one.latency_seconds, *(answer.latency_seconds for answer in many)) >= 0.04


async def test_an_answer_to_one_text_that_cannot_be_read_is_no_answer_to_the_others():
    async def handler(request):
        texts = (await request.json())["inputs"][0]["data"]
        return web.json_response(
            outputs([0.9] * len(texts), ["maybe" if text == "odd" else "yes" for text in texts])
        )

    async with serving({"POST /v2/models/encoder/infer": handler}) as url:
        client = EncoderClient(url, timeout_seconds=5)
        calls = (client.answer(text, "en") for text in ("a", "odd", "b"))
        first, odd, last = await asyncio.gather(*calls, return_exceptions=True)
        await client.close()
    assert (first.stated, last.stated) == (YES, YES)
    assert isinstance(odd, ModelUnparsable)


# --- what the service accepts ------------------------------------------------------------------------------


def limited(requests: list, fails_at: int | None = None):
    """A service with its limits; it keeps the texts of each request, and rejects the one at `fails_at`."""

    async def handler(request):
        texts = (await request.json())["inputs"][0]["data"]
        requests.append(texts)
        if fails_at == len(requests) - 1 or len(texts) > MAX_TEXTS or max(map(len, texts)) > MAX_CHARACTERS:
            return web.json_response({"error": "Too much."}, status=400)
        return await infer(request)

    return ROUTES | {"POST /v2/models/encoder/infer": handler}


@pytest.mark.parametrize("sharing", [Sharing(), Sharing(concurrency=1, texts=1)])
@pytest.mark.parametrize(("count", "sizes"), [(256, [256]), (257, [1, 256]), (700, [188, 256, 256])])
async def test_a_batch_above_the_limit_of_a_request_is_several_in_order(sharing, count, sizes):
    requests: list[list[str]] = []
    texts = [f"{number}x" if number % 3 else str(number) for number in range(count)]
    async with serving(limited(requests)) as url:
        client = EncoderClient(url, timeout_seconds=20, sharing=sharing)
        answers = await client.answer_many(texts, "en")
        await client.close()
    assert [a.stated for a in answers] == [YES if "x" in text else NO for text in texts]
    assert sorted(map(len, requests)) == sizes


async def test_a_failed_part_of_a_batch_is_the_failure_of_the_batch():
    requests: list[list[str]] = []
    async with serving(limited(requests, fails_at=1)) as url:
        client = EncoderClient(url, timeout_seconds=20, sharing=Sharing(concurrency=1))
        with pytest.raises(ModelRejected, match="Too much"):
            await client.answer_many(["x"] * 1000, "en")
        assert (await client.answer("x", "en")).stated == YES
        await client.close()
    assert [len(texts) for texts in requests][:2] == [256, 256]


async def test_a_text_above_the_limit_is_sent_to_it_and_its_answer_is_truncated():
    requests: list[list[str]] = []
    fits, long = "b" * MAX_CHARACTERS, "x" + "b" * MAX_CHARACTERS
    async with serving(limited(requests)) as url:
        client = EncoderClient(url, timeout_seconds=20)
        answers = await client.answer_many([fits, long], "en")
        await client.close()
    assert requests == [[fits, long[:-1]]]
    assert [(a.stated, a.truncated) for a in answers] == [(NO, False), (YES, True)]


async def test_an_error_of_the_service_does_not_quote_the_text():
    """An encoder of an earlier version does."""
    text = "Frau Erika Mustermann beantragt einen Rollstuhl."
    body = json.dumps({"error": f"inputs.text[0]: got {text[:30]!r}… ({len(text)} characters)."})
    async with serving(ROUTES | {"POST /v2/models/encoder/infer": saying(400, body.encode())}) as url:
        client = EncoderClient(url, timeout_seconds=5)
        with pytest.raises(ModelRejected, match=r"inputs.text\[0\]: got '…'… \(48 characters\)"):
            await client.answer(text, "de")
        await client.close()
