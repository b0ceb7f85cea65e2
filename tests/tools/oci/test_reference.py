import pytest

from signalbox.errors import InputError
from tools.oci.reference import base_url, parse

DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("signalbox/assessor:0.1.0", "docker.io/signalbox/assessor:0.1.0"),
        ("docker.io/library/debian:12.12-slim", "docker.io/library/debian:12.12-slim"),
        (f"debian:12@{DIGEST}", f"docker.io/library/debian:12@{DIGEST}"),
        (f"a.example.org/b/c@{DIGEST}", f"a.example.org/b/c@{DIGEST}"),
        ("localhost/a:1", "localhost/a:1"),
        ("10.0.0.7:5000/a/b:1", "10.0.0.7:5000/a/b:1"),
    ],
)
def test_a_name_is_read_as_docker_reads_it(text, name):
    assert str(parse(text)) == name
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text", ["", "a.b/", "a.b/C:1", "a.b/c:", "a.b/c:ä", "a.b/c@sha256:1", "https://a.b/c"]
)
def test_what_is_no_name_is_rejected_with_the_form(text):
    with pytest.raises(InputError, match="Write host/repository:tag"):
        parse(text)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("docker.io", "https://registry-1.docker.io/v2/"),
        ("a.example.org:5000", "https://a.example.org:5000/v2/"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/"),
        ("localhost", "http://localhost/v2/"),
        ("localhost.example.org", "https://localhost.example.org/v2/"),
    ],
)
def test_only_loopback_is_reached_without_tls(host, url):
    assert base_url(host) == url
    assert base_url(host, plain_http=True).startswith("http://")
