"""The release that a server serves, and the client of a route."""

import hashlib

import pytest
from aiohttp import web

from signalbox.errors import ModelRejected
from signalbox.models import release as module
from signalbox.models.decoder import DecoderClient
from signalbox.models.encoder import EncoderClient
from signalbox.models.engines import ENGINES
from signalbox.models.factory import make_client, make_decoder
from signalbox.models.release import file_revision, release_from_listing
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
    release = release_from_listing({"id": served}, VLLM, local=False)
    assert (release.name, release.quantization) == (name, quantization)
    assert (release.engine, release.revision) == ("vllm", "unknown")


def test_the_quantization_in_the_listing_has_precedence():
    release = release_from_listing(
        {"id": "/m/x-Q4_K_M.gguf", "meta": {"ftype": "Q4_K - Medium"}}, LLAMA, local=False
    )
    assert (release.name, release.quantization) == ("x", "Q4_K - Medium")


def test_a_local_file_is_identified_by_its_digest(tmp_path):
    path = tmp_path / "tiny-Q8_0.gguf"
    path.write_bytes(b"weights")
    revision = f"sha256:{hashlib.sha256(b'weights').hexdigest()[:12]}"
    assert file_revision(path) == revision
    release = release_from_listing({"id": str(path), "meta": META}, LLAMA, local=True)
    assert release.revision == revision
    assert release.quantization == "Q4_1"
    path.write_bytes(b"other weights")
    assert release_from_listing({"id": str(path), "meta": META}, LLAMA, local=True) != release


@pytest.mark.parametrize("meta", [META, None, {}, "nonsense", {"size": 1}])
def test_a_remote_file_is_identified_by_its_size_if_the_listing_has_it(tmp_path, meta):
    """Also when a file of that name is here: the server has another file system."""
    path = tmp_path / "tiny-Q8_0.gguf"
    path.write_bytes(b"weights")
    for served, local in ((str(path), False), ("/nowhere/tiny-Q8_0.gguf", True)):
        release = release_from_listing({"id": served, "meta": meta}, LLAMA, local=local)
        assert release.revision == ("params:134515008-bytes:96576768" if meta == META else "unknown")


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "large-Q8_0.gguf"
    with path.open("wb") as file:
        file.truncate(module.MAXIMUM_HASHED_BYTES + 1)  # sparse: it takes no room
    release = release_from_listing({"id": str(path), "meta": META}, LLAMA, local=True)
    assert release.revision == "params:134515008-bytes:96576768"


def test_the_time_of_the_request_is_no_part_of_a_release():
    first = release_from_listing({"id": "m", "created": 1}, VLLM, local=False)
    assert first == release_from_listing({"id": "m", "created": 2}, VLLM, local=False)


@pytest.mark.parametrize("entry", [{}, {"id": None}, {"id": ""}])
def test_an_empty_listing_is_unknown(entry):
    release = release_from_listing(entry, ENGINES["openai"], local=False)
    assert (release.name, release.revision, release.quantization) == ("unknown",) * 3


# --- factory ----------------------------------------------------------------------------------------------


async def test_a_route_gets_its_client(task):
    settings = Settings()
    encoder, decoder = (make_client(settings, task, route) for route in ("encoder", "decoder"))
    assert isinstance(encoder, EncoderClient)
    assert isinstance(decoder, DecoderClient)
    for client in (encoder, decoder):
        await client.close()


async def test_the_decoder_is_queried_as_configured(task):
    """Address, key and model of a real request."""
    request_body = {}

    async def listing(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "a"}, {"id": "served-name", "owned_by": "vllm"}]})

    async def complete(request: web.Request) -> web.Response:
        request_body.update(await request.json(), key=request.headers["authorization"])
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
    assert (request_body["model"], request_body["key"]) == ("served-name", "Bearer a key")
    assert "structured_outputs" in request_body


async def test_a_configured_release_is_not_queried(task):
    client = make_decoder(Settings(decoder_url="http://127.0.0.1:1/v1"), task, release=RELEASE)
    assert await client.release() == RELEASE
    await client.close()
