"""The client against a stand-in for a registry on loopback."""

import base64
import json
import socket

import pytest

from signalbox.errors import NotFoundError, SetupError
from tests.tools.images.container import pull
from tests.tools.oci import standin
from tools.cluster.images import archive
from tools.oci.archive import unpack
from tools.oci.client import INDEX, MANIFEST, Registry, sha256

BODY = b'{"schemaVersion":2}'


@pytest.fixture
def registry():
    with standin.running() as state:
        yield state


@pytest.fixture
def docker_config(tmp_path, monkeypatch):
    """Stores a login as docker does."""

    def store(host, login):
        auth = base64.b64encode(":".join(login).encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return store


def test_the_digest_of_an_index_comes_from_a_head_request(registry):
    digest = registry.put("library/debian", "12", INDEX, BODY)
    with Registry(registry.host) as client:
        head = client.head("library/debian", "12")
    assert (head.media_type, head.digest) == (INDEX, digest)
    assert registry.requests == ["HEAD /v2/library/debian/manifests/12"]


def test_without_the_header_the_digest_is_computed(registry):
    registry.digest_header = False
    registry.put("a", "1", INDEX, BODY)
    with Registry(registry.host) as client:
        assert client.head("a", "1").digest == sha256(BODY)


def test_content_other_than_its_digest_is_rejected(registry):
    digest = registry.put("a", "1", MANIFEST, BODY)
    registry.manifests["a", digest] = (MANIFEST, b"{}")
    with Registry(registry.host) as client, pytest.raises(SetupError, match="other content"):
        client.manifest("a", digest)


def test_a_missing_tag_is_named(registry):
    with Registry(registry.host) as client, pytest.raises(NotFoundError, match="a/manifests/2"):
        client.head("a", "2")


def test_a_registry_that_is_down_is_named():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
        with Registry(host) as client, pytest.raises(SetupError, match=f"{host} does not answer"):
            client.head("a", "1")


def test_a_token_is_taken_with_the_stored_login(docker_config):
    with standin.running(login=("user", "word")) as registry:
        registry.put("a", "1", INDEX, BODY)
        docker_config(registry.host, ("user", "other"))
        with (
            Registry(registry.host) as client,
            pytest.raises(SetupError, match=f"docker login {registry.host}"),
        ):
            client.head("a", "1")
        docker_config(registry.host, ("user", "word"))
        with Registry(registry.host) as client:
            assert client.head("a", "1").digest == sha256(BODY)
            client.head("a", "1")
    assert registry.requests.count("GET /token") == 2  # one of each login


def test_an_image_archive_is_pushed_and_pulled_with_the_same_files(registry, tmp_path):
    source, scratch, target = (tmp_path / name for name in ("source", "scratch", "target"))
    for folder in (source, scratch, target):
        folder.mkdir()
    (source / "program").write_bytes(b"\x00\x01" * 5000)
    archive(tmp_path / "image.tar", "signalbox/one:1", source, ("/program",))
    image = unpack(tmp_path / "image.tar", scratch)
    with Registry(registry.host) as client:
        uploads = [client.upload("signalbox/one", digest, path) for digest, path in image.blobs.items()]
        again = [client.upload("signalbox/one", digest, path) for digest, path in image.blobs.items()]
        digest = client.put_manifest("signalbox/one", "1", MANIFEST, image.manifest)
        assert client.manifest("signalbox/one", digest) == json.loads(image.manifest)
    assert (uploads, again) == ([True, True], [False, False])
    container = pull(f"{registry.host}/signalbox/one:1", target)
    assert (container.root / "program").read_bytes() == (source / "program").read_bytes()
    assert container.config["Entrypoint"] == ["/program"]
