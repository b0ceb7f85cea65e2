"""The distribution protocol: manifests and blobs of one registry, with its login."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import urljoin

import httpx2

from signalbox.errors import NotFoundError, SetupError
from tools.oci.credentials import credentials
from tools.oci.reference import base_url

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# The forms before OCI's, which Docker Hub still serves.
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# A registry that knows none of the first two answers with the manifest of one platform.
ACCEPTED = f"{INDEX}, {_DOCKER_INDEX}, {MANIFEST}, {_DOCKER_MANIFEST}"
INDEXES = frozenset({INDEX, _DOCKER_INDEX})
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_SECONDS = 60.0


@dataclass(frozen=True)
class Manifest:
    """What a tag or a digest leads to."""

    media_type: str
    digest: str


class Registry:
    """A connection to one registry. Raises SetupError if it does not answer or rejects the login."""

    def __init__(self, host: str, *, plain_http: bool = False) -> None:
        self.host = host
        self._client = httpx2.Client(
            base_url=base_url(host, plain_http=plain_http), follow_redirects=True, timeout=_SECONDS
        )

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def head(self, repository: str, reference: str) -> Manifest:
        """Type and digest of a manifest; raises NotFoundError if there is none."""
        path = f"{repository}/manifests/{reference}"
        answer = self._request("HEAD", path, headers={"Accept": ACCEPTED})
        if not answer.headers.get("docker-content-digest"):  # the specification only recommends it
            answer = self._request("GET", path, headers={"Accept": ACCEPTED})
        digest = answer.headers.get("docker-content-digest") or sha256(answer.content)
        return Manifest(answer.headers.get("content-type", ""), digest)

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """The content of a manifest or an index; raises SetupError if it does not match a digest."""
        answer = self._request("GET", f"{repository}/manifests/{reference}", headers={"Accept": ACCEPTED})
        if reference.startswith("sha256:") and sha256(answer.content) != reference:
            raise SetupError(f"{self.host} answers {repository}@{reference} with other content.")
        content: dict[str, Any] = answer.json()
        return content

    def upload(self, repository: str, digest: str, blob: Path) -> bool:
        """Upload a blob; False if the registry has it."""
        if self._has(f"{repository}/blobs/{digest}"):
            return False
        session = self._request("POST", f"{repository}/blobs/uploads/", headers={"Content-Length": "0"})
        target = httpx2.URL(urljoin(str(session.url), session.headers["location"]))
        with blob.open("rb") as file:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(blob.stat().st_size),
            }
            target = target.copy_merge_params({"digest": digest})
            self._request("PUT", str(target), headers=headers, content=file)
        return True

    def put_manifest(self, repository: str, tag: str, media_type: str, body: bytes) -> str:
        """Store a manifest under a tag; returns its digest."""
        path = f"{repository}/manifests/{tag}"
        self._request("PUT", path, headers={"Content-Type": media_type}, content=body)
        return sha256(body)

    def _has(self, path: str) -> bool:
        try:
            self._request("HEAD", path)
        except NotFoundError:
            return False
        return True

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | IO[bytes] = b"",
    ) -> httpx2.Response:
        body = content or None
        try:
            answer = self._client.request(method, path, headers=headers, content=body)
            if answer.status_code == httpx2.codes.UNAUTHORIZED and isinstance(content, bytes):
                self._log_in(answer.headers.get("www-authenticate", ""))
                answer = self._client.request(method, path, headers=headers, content=body)
        except httpx2.HTTPError as error:
            hint = "Check the name of the registry, the proxy (HTTPS_PROXY) and the CA (SSL_CERT_FILE)."
            raise SetupError(f"{self.host} does not answer: {error}", hint=hint) from error
        self._check(answer)
        return answer

    def _log_in(self, challenge: str) -> None:
        """Take a token, or the stored login, for all later requests of this connection."""
        scheme, _, rest = challenge.partition(" ")
        login = credentials(self.host)
        if scheme.lower() == "bearer":
            parameters = dict(_PARAMETER.findall(rest))
            realm = parameters.pop("realm")
            answer = httpx2.get(realm, params=parameters, auth=login, timeout=_SECONDS)
            self._check(answer)
            content = answer.json()
            token = content.get("token") or content.get("access_token")
            self._client.headers["Authorization"] = f"Bearer {token}"
        elif login:
            self._client.auth = httpx2.BasicAuth(*login)

    def _check(self, answer: httpx2.Response) -> None:
        status, where = answer.status_code, f"{answer.request.method} {answer.request.url}"
        if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            raise SetupError(
                f"{self.host} rejects {where}: status {status}.", hint=f"docker login {self.host}"
            )
        if status == httpx2.codes.NOT_FOUND:
            hint = "Check the repository and the tag."
            problem = f"{self.host} does not have it: {where}"
            raise NotFoundError("image", str(answer.request.url), hint, problem=problem)
        if not answer.is_success:
            raise SetupError(f"{self.host} answers {where} with status {status}: {answer.text[:300]}")


def sha256(data: bytes) -> str:
    """The digest of bytes, as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def file_digest(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
