"""The signature is the one in AWS's published examples."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signalbox.artifacts.signature import Credentials, encoded_path, encoded_query, signed_headers

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, examples
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
TIME = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("path", "query", "headers", "signature"),
    [
        (
            "/test.txt",
            {},
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("/", {"lifecycle": ""}, {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "/",
            {"prefix": "J", "max-keys": "2"},
            {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_requests_are_signed_as_in_the_examples(path, query, headers, signature):
    fields = signed_headers((HOST, path, query), headers, KEYS, "us-east-1", TIME)
    assert fields["authorization"].endswith(f"Signature={signature}")
    assert "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request" in fields["authorization"]


def test_the_token_of_temporary_keys_is_signed():
    keys = Credentials(KEYS.access_key_id, KEYS.secret_access_key, "token")
    fields = signed_headers((HOST, "/", {}), {}, keys, "us-east-1", TIME)
    assert fields["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in fields["authorization"].partition("SignedHeaders=")[2]


def test_other_characters_have_percent_form():
    assert encoded_path("/models/Größe 1+2~a.bin") == "/models/Gr%C3%B6%C3%9Fe%201%2B2~a.bin"
    assert encoded_query({"prefix": "a/b c", "list-type": "2"}) == "list-type=2&prefix=a%2Fb%20c"
