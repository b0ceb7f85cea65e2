"""Addresses that servers listen on: IPv4, IPv6, and both where the kernel has both."""

import errno
import socket

import pytest

from signalbox.errors import SetupError
from signalbox.serving import listen
from tests.helpers import has_ipv6

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this kernel has no IPv6")
FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


def reached(host: str) -> set[str]:
    """Loopback addresses that reach a server on `host`."""
    with listen.bind(host, 0) as server:
        server.listen()
        port = server.getsockname()[1]
        addresses = set()
        for address, family in FAMILIES.items():
            with socket.socket(family) as client:
                if client.connect_ex((address, port)) == 0:
                    addresses.add(address)
        return addresses


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("::", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("127.0.0.1", {"127.0.0.1"}),
        ("::1", {"::1"}),
    ],
)
def test_a_server_is_reached_at_the_addresses_that_it_names(host, addresses):
    assert reached(host) == addresses


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_in_the_kernel_all_addresses_are_those_of_ipv4(monkeypatch, code):
    class Kernel(socket.socket):
        def __init__(self, family=socket.AF_INET, *arguments, **options):
            if family == socket.AF_INET6:
                raise OSError(code, "no IPv6")
            super().__init__(family, *arguments, **options)

    monkeypatch.setattr(socket, "socket", Kernel)
    with listen.bind("::", 0) as server:
        assert server.getsockname()[0] == "0.0.0.0"
    with pytest.raises(OSError, match="no IPv6"):
        listen.bind("::1", 0)


def test_a_port_in_use_is_an_error_that_names_it():
    with listen.bind("127.0.0.1", 0) as server:
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(SetupError, match=rf"Port {port} on 127\.0\.0\.1 cannot be used: Address already"):
            listen.listener("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "url"),
    [("::", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("fd00::2", "[fd00::2]"), ("localhost", "localhost")],
)
def test_a_url_names_an_address_that_can_be_called(host, url):
    assert listen.url_host(host) == url
