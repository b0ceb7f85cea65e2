"""The socket that a server listens on, for IPv4, IPv6 and both."""

from __future__ import annotations

import errno
import socket

from signalbox.errors import SetupError

WILDCARDS = {"::": "[::1]", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - names of addresses, none is bound here
# Without IPv6 in the kernel, there is no such socket, or none of its addresses can be bound.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket that is bound to `host` and does not listen yet. Raises OSError.

    `::` accepts IPv4, too: a pod has addresses of one family or of both, and asyncio binds IPv6 alone. On a kernel
    without IPv6, `::` is 0.0.0.0.
    """
    try:
        return _bind(host, port)
    except OSError as error:
        if host != "::" or error.errno not in _NO_IPV6:
            raise
    return _bind("0.0.0.0", port)  # noqa: S104 - what `::` is here


def listener(host: str, port: int) -> socket.socket:
    """`bind` for a server's start. Raises SetupError."""
    try:
        return bind(host, port)
    except OSError as error:
        raise SetupError(
            f"Port {port} on {host} cannot be used: {error.strerror or error}.",
            hint="Stop the process that uses it, or choose another address or port.",
        ) from error


def url_host(host: str) -> str:
    """The host of a URL for a server that listens on `host`: loopback for all addresses, IPv6 in brackets."""
    return WILDCARDS.get(host, f"[{host}]" if ":" in host else host)


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
