"""`signalbox download` as the init container runs it: keys from the environment, errors with a hint."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from signalbox.artifacts.s3 import Bucket
from signalbox.cli import installed_app
from signalbox.errors import InputError, SetupError
from tests.signalbox.artifacts.s3_server import KEYS, FakeStore, serving

VARIABLES = {"AWS_ACCESS_KEY_ID": KEYS.access_key_id, "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key}


@pytest.fixture(name="store")
def store_fixture():
    with serving(FakeStore({"llama/config.json": b"{}"})) as store:
        yield store


def run(*arguments: str, **variables: str):
    none = dict.fromkeys((*VARIABLES, "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"), "")
    return CliRunner().invoke(installed_app(), ["download", *arguments], env={**none, **variables})


def test_a_model_is_downloaded(store, tmp_path):
    result = run("s3://models/llama", str(tmp_path), "--endpoint", store.endpoint, **VARIABLES)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "config.json").read_bytes() == b"{}"
    assert "config.json: complete" in result.output


def test_the_endpoint_may_be_a_variable(store, tmp_path):
    variables = VARIABLES | {"AWS_ENDPOINT_URL": store.endpoint}
    assert run("s3://models/llama", str(tmp_path), **variables).exit_code == 0


@pytest.mark.parametrize(
    ("uri", "variables", "code", "problem", "hint"),
    [
        ("models/llama", VARIABLES, 2, "uri: got 'models/llama'", "Use s3://BUCKET/PATH."),
        ("s3://models/lama", VARIABLES, 2, "`s3://models/lama` has no objects.", "Check the path."),
        ("s3://other/llama", VARIABLES, 2, "`s3://other/` does not exist.", "Check the bucket"),
        (
            "s3://models/llama",
            {"AWS_ACCESS_KEY_ID": "a"},
            2,
            "`AWS_SECRET_ACCESS_KEY` is not set.",
            "Set both keys, or none",
        ),
        (
            "s3://models/llama",
            VARIABLES | {"AWS_SECRET_ACCESS_KEY": "wrong"},
            1,
            "(SignatureDoesNotMatch: The signatures differ.)",
            "Check AWS_ACCESS_KEY_ID",
        ),
        (
            "s3://models/llama",
            {},
            1,
            "(SignatureDoesNotMatch: The signatures differ.)",
            "Check AWS_ACCESS_KEY_ID",
        ),
    ],
)
def test_errors_have_a_hint(store, tmp_path, uri, variables, code, problem, hint):
    result = run(uri, str(tmp_path), "--endpoint", store.endpoint, **variables)
    assert result.exit_code == code
    assert f"error: {problem}" in result.output or problem in result.output
    assert f"hint: {hint}" in result.output


def test_a_store_that_does_not_answer_is_named(tmp_path):
    result = run("s3://models/llama", str(tmp_path), "--endpoint", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "error: http://127.0.0.1:9 does not answer (ConnectError)." in result.output


@pytest.mark.parametrize("endpoint", ["minio:9000", "ftp://minio"])
def test_an_endpoint_is_a_url(endpoint):
    with pytest.raises(InputError, match="endpoint"):
        Bucket("models", endpoint)


def test_the_endpoint_of_amazon_has_the_region():
    assert Bucket("models", region="eu-west-1").endpoint == "https://s3.eu-west-1.amazonaws.com"


def test_an_endpoint_may_have_a_path(store):
    """A gateway in front of the store: the path is signed, too."""
    store.bucket = "gateway"
    bucket = Bucket("models", f"{store.endpoint}/gateway", "", KEYS)
    with pytest.raises(InputError):  # not SetupError, as for a wrong signature
        list(bucket.objects("llama/"))
    assert store.requests[0][0] == "/gateway/models"


def test_an_answer_of_another_server_is_named(store):
    store.public = True
    store.listing = lambda query: b"<html>"
    with (
        Bucket("models", store.endpoint) as bucket,
        pytest.raises(SetupError, match="no listing of an S3 store"),
    ):
        list(bucket.objects(""))
