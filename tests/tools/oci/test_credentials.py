import base64
import json

import pytest

from signalbox.errors import SetupError
from tools.oci.credentials import credentials

AUTH = base64.b64encode(b"user:pass:word").decode()


def store(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "place",
    [".docker/config.json", ".config/containers/auth.json", ".config/helm/registry/config.json"],
)
def test_a_login_of_each_program_is_read(tmp_path, place):
    environment = {"HOME": str(tmp_path)}
    assert credentials("a.example.org", environment) is None
    store(tmp_path / place, {"auths": {"a.example.org": {"auth": AUTH}}})
    assert credentials("a.example.org", environment) == ("user", "pass:word")
    assert credentials("b.example.org", environment) is None


def test_docker_hub_has_its_own_key(tmp_path):
    store(tmp_path / "config.json", {"auths": {"https://index.docker.io/v1/": {"auth": AUTH}}})
    assert credentials("docker.io", {"DOCKER_CONFIG": str(tmp_path)}) == ("user", "pass:word")


def test_a_credential_helper_is_asked(tmp_path, monkeypatch):
    helper = tmp_path / "docker-credential-vault"
    helper.write_text(
        '#!/bin/sh\n[ "$(cat)" = a.example.org ] || exit 1\necho \'{"Username": "u", "Secret": "s"}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    store(tmp_path / "config.json", {"credHelpers": {"a.example.org": "vault", "b.example.org": "absent"}})
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    assert credentials("a.example.org", environment) == ("u", "s")
    assert credentials("b.example.org", environment) is None


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SetupError, match=r"config\.json cannot be read"):
        credentials("a.example.org", {"DOCKER_CONFIG": str(tmp_path)})
