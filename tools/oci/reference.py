"""Names of images and charts in registries."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from signalbox.errors import InputError

DOCKER_HUB = "docker.io"
# The name of Docker Hub is not the host that serves it.
_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
_REPOSITORY = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """`host/repository:tag@digest`; a tag, a digest, or both."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"

    def at(self, digest: str) -> Reference:
        """The same name with this digest."""
        return replace(self, digest=digest)


def parse(text: str) -> Reference:
    """The parts of a name as docker reads it. Raises InputError for what is none."""
    name, _, digest = text.partition("@")
    host, slash, rest = name.partition("/")
    if not slash or not (host == "localhost" or {".", ":"} & set(host)):
        host, rest = DOCKER_HUB, name
    repository, colon, tag = rest.partition(":")
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    wrong = (
        not _REPOSITORY.fullmatch(repository)
        or (colon and not _TAG.fullmatch(tag))
        or ("@" in text and not _DIGEST.fullmatch(digest))
    )
    if wrong:
        raise InputError(
            "image", text, "Write host/repository:tag, as in registry.example.org/signalbox/assessor:0.1.0."
        )
    return Reference(host, repository, tag if colon else ("" if digest else "latest"), digest)


def base_url(host: str, *, plain_http: bool = False) -> str:
    """The address of a registry's API: without TLS on loopback, and elsewhere on request."""
    scheme = "http" if plain_http or _LOOPBACK.fullmatch(host) else "https"
    return f"{scheme}://{_API_HOSTS.get(host, host)}/v2/"
