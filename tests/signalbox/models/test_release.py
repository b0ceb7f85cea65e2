"""Which release a server holds, and the client that a route gets."""

import hashlib

import pytest
from aiohttp import web

from signalbox.errors import ModelRejected
from signalbox.models import release as module
from signalbox.models.decoder import DecoderClient
from signalbox.models.encoder import EncoderClient
from signalbox.models.engines import ENGINES
from signalbox.models.factory import make_client, make_decoder
from signalbox.models.release import file_revision, gguf_release, release_from_listing
from signalbox.settings import Settings
from tests.helpers import RELEASE
from tests.signalbox.models.conftest import serving

LLAMA, VLLM = ENGINES["llama.cpp"], ENGINES["vllm"]
META = {"n_params": 134_515_008, "size": 96_576_768, "ftype": "Q4_1"}


@pytest.mark.parametrize(
    ("served", "name", "quantization"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", "unknown"),
        ("Qwen/Qwen3-8B-AWQ", "Qwen/Qwen3-8B-AWQ", "AWQ"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "GPTQ-Int4"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "nvidia/Llama-3.1-8B-Instruct-FP8", "FP8"),
        ("/models/SmolLM2.Q4_1.gguf", "SmolLM2", "Q4_1"),
        ("/models/Llama-3-8B-Q4_K_M.gguf", "Llama-3-8B", "Q4_K_M"),
        ("/models/mistral_iq3_xxs.GGUF", "mistral", "iq3_xxs"),
        ("/models/plain.gguf", "plain", "unknown"),
        ("/models/Q4_0.gguf", "Q4_0", "unknown"),
    ],
)
def test_name_and_quantization_are_read_from_what_is_served(served, name, quantization):
    found = release_from_listing({"id": served}, VLLM, local=False)
    assert (found.name, found.quantization) == (name, quantization)
    assert (found.engine, found.revision) == ("vllm", "unknown")


def test_what_the_server_says_of_its_quantization_counts_most():
    found = release_from_listing(
        {"id": "/m/x-Q4_K_M.gguf", "meta": {"ftype": "Q4_K - Medium"}}, LLAMA, local=False
    )
    assert (found.name, found.quantization) == ("x", "Q4_K - Medium")


def test_a_local_file_is_known_by_its_digest(tmp_path):
    path = tmp_path / "tiny-Q8_0.gguf"
    path.write_bytes(b"weights")
    revision = f"sha256:{hashlib.sha256(b'weights').hexdigest()[:12]}"
    assert file_revision(path) == revision
    found = release_from_listing({"id": str(path), "meta": META}, LLAMA, local=True)
    assert found.revision == revision
    assert gguf_release(path, quantization="Q4_1") == found
    assert gguf_release(path).quantization == "Q8_0"
    path.write_bytes(b"other weights")
    assert release_from_listing({"id": str(path), "meta": META}, LLAMA, local=True) != found


@pytest.mark.parametrize("meta", [META, None, {}, "nonsense", {"size": 1}])
def test_a_file_elsewhere_is_known_by_its_size_if_at_all(tmp_path, meta):
    """Also when a file of that name lies here: the server has another file system."""
    path = tmp_path / "tiny-Q8_0.gguf"
    path.write_bytes(b"weights")
    for served, local in ((str(path), False), ("/nowhere/tiny-Q8_0.gguf", True)):
        found = release_from_listing({"id": served, "meta": meta}, LLAMA, local=local)
        assert found.revision == ("params:134515008-bytes:96576768" if meta == META else "unknown")


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "large-Q8_0.gguf"
    with path.open("wb") as file:
        file.truncate(module.MAXIMUM_HASHED_BYTES + 1)  # sparse: it takes no room
    found = release_from_listing({"id": str(path), "meta": META}, LLAMA, local=True)
    assert found.revision == "params:134515008-bytes:96576768"


def test_the_time_of_the_request_is_no_part_of_a_release():
    first = release_from_listing({"id": "m", "created": 1}, VLLM, local=False)
    assert first == release_from_listing({"id": "m", "created": 2}, VLLM, local=False)


@pytest.mark.parametrize("entry", [{}, {"id": None}, {"id": ""}])
def test_a_listing_that_says_nothing_is_unknown(entry):
    found = release_from_listing(entry, ENGINES["openai"], local=False)
    assert (found.name, found.revision, found.quantization) == ("unknown",) * 3


# --- factory ----------------------------------------------------------------------------------------------


async def test_a_route_gets_its_client(task):
    settings = Settings()
    encoder, decoder = (make_client(settings, task, route) for route in ("encoder", "decoder"))
    assert isinstance(encoder, EncoderClient)
    assert isinstance(decoder, DecoderClient)
    for client in (encoder, decoder):
        await client.close()


async def test_the_decoder_is_asked_as_the_settings_say(task):
    """Address, key and model of a real request."""
    seen = {}

    async def listing(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "a"}, {"id": "served-name", "owned_by": "vllm"}]})

    async def complete(request: web.Request) -> web.Response:
        seen.update(await request.json(), key=request.headers["authorization"])
        return web.json_response({}, status=400)

    routes = {"GET /v1/models": listing, "POST /v1/chat/completions": complete}
    async with serving(routes) as url:
        settings = Settings(
            decoder_url=f"{url}/v1",
            decoder_model="served-name",
            decoder_api_key="a key",
            decoder_constrained=True,
        )
        client = make_client(settings, task, "decoder")
        assert (await client.release()).name == "served-name"
        with pytest.raises(ModelRejected):
            await client.answer("Text.", "en")
        await client.close()
    assert (seen["model"], seen["key"]) == ("served-name", "Bearer a key")
    assert "structured_outputs" in seen


async def test_a_release_that_is_known_is_not_asked_for(task):
    client = make_decoder(Settings(decoder_url="http://127.0.0.1:1/v1"), task, release=RELEASE)
    assert await client.release() == RELEASE
    await client.close()
