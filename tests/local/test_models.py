"""Models that a comparison starts: which they are, how large, and that they are stopped again."""

import json
from pathlib import Path

import httpx2
import pytest

from local import models
from pipelines.compare.job import check_memory
from pipelines.compare.models.footprint import available_bytes
from signalbox.artifacts import gguf_file
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings
from signalbox.tasks import load_task

GIB = 2**30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    release = tmp_path / "run" / "releases" / "encoder-1"
    release.mkdir(parents=True)
    (release / "release.json").write_text(json.dumps({"name": "toy"}), encoding="utf-8")
    (release / "model.onnx").write_bytes(bytes(1000))
    (release.parent / "current").write_text("encoder-1\n", encoding="utf-8")
    return Settings(state_dir=tmp_path / "run")


def found(settings, names):
    return models.candidates(settings, load_task(settings.task), names, {})


def test_names_of_every_kind_become_candidates(settings, tmp_path):
    file = tmp_path / "toy-Q4_1.gguf"
    file.write_bytes(b"weights")
    names = f"encoder,decoder,{file},{settings.releases_dir / 'encoder-1'},https://host/v1#gpt"
    encoder, decoder, toy, release, remote = found(settings, names)
    assert (encoder.name, encoder.kind, encoder.size_bytes) == ("encoder", "encoder", 1000 + 15)
    assert (decoder.kind, decoder.size_bytes) == ("decoder", gguf_file(settings.decoder_model).stat().st_size)
    assert (toy.name, toy.size_bytes) == ("toy-Q4_1", 7)
    assert (release.name, release.identity) == ("encoder-1", encoder.identity)
    assert (remote.name, remote.where, remote.identity) == ("gpt", "remote", None)
    assert encoder.folder == release.folder


def test_another_file_under_the_same_name_is_another_model(settings, tmp_path):
    file = tmp_path / "toy.gguf"
    identities = set()
    for content in (b"one", b"two"):
        file.write_bytes(content)
        identities.add(found(settings, str(file))[0].identity)
    assert len(identities) == 2


def test_an_unknown_name_is_an_error_that_says_what_there_is(settings):
    with pytest.raises(InputError, match="there is no model `qwen9`") as error:
        found(settings, "encoder,qwen9")
    assert "signalbox models list" in error.value.hint


def test_without_a_release_the_encoder_has_a_hint(tmp_path):
    with pytest.raises(SetupError, match="No trained encoder"):
        found(Settings(state_dir=tmp_path), "encoder")


def test_a_model_larger_than_the_limit_is_rejected_before_it_starts(settings):
    decoder = found(settings, "decoder")[0]
    check_memory(decoder, 2 * GIB)
    check_memory(decoder, None)
    with pytest.raises(SetupError, match=r"decoder needs about 0.3 GiB of memory; the limit is 0.1 GiB"):
        check_memory(decoder, GIB // 10)


@pytest.mark.slow
async def test_a_decoder_is_started_answers_and_is_stopped(settings):
    decoder = found(settings, "decoder")[0]
    with decoder.serve() as server:
        client = server.client()
        release = await client.release()
        answer = await client.verdict("Socio-medical indication for the aid is confirmed.", "en")
        url = client._server.base_url
        assert server.memory() > 50 * 2**20
        await client.close()
    assert release.engine == "llama.cpp"
    assert answer.probabilities is not None
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(f"{url}/models")


# --- memory -----------------------------------------------------------------------------------------------


def test_the_smaller_of_what_is_available_and_what_the_cgroup_leaves(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000 kB\nMemAvailable: 4000 kB\n", encoding="ascii")
    (tmp_path / "memory.max").write_text("3000000\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("1000000\n", encoding="ascii")
    assert available_bytes(meminfo, tmp_path) == 2_000_000
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert available_bytes(meminfo, tmp_path) == 4_096_000
    assert available_bytes(tmp_path / "none", tmp_path / "none") is None


def test_the_first_version_of_cgroups_is_read(tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("500\n", encoding="ascii")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("200\n", encoding="ascii")
    assert available_bytes(tmp_path / "none", tmp_path) == 300
