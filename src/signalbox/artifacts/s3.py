"""Objects of an S3 store: a listing, and the content of an object from any position."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn, Self
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx2

from signalbox.artifacts.signature import Credentials, encoded_path, encoded_query, signed_headers
from signalbox.errors import InputError, SetupError

_TIMEOUT_SECONDS = 60.0
_MISSING = {"NoSuchBucket", "NoSuchKey"}
_PARTIAL, _UNSATISFIABLE, _CHANGED = 206, 416, 412


@dataclass(frozen=True)
class StoredObject:
    """An object: its key, its size in bytes, and its entity tag without quotation marks."""

    key: str
    size: int
    etag: str


@dataclass
class Content:
    """The content of an object from `start`. `md5` is empty if the entity tag is none."""

    start: int
    md5: str
    chunks: Iterator[bytes]


@dataclass
class Bucket:
    """A bucket of a store. Without credentials, requests are not signed: the bucket must be public.

    Certificates are those of SSL_CERT_FILE, else of the system; proxies are those of the environment. Methods raise
    InputError for a bucket or an object that does not exist, and SetupError for everything else that a store
    rejects; httpx2's errors of the network are left to the caller.
    """

    name: str
    endpoint: str = ""
    region: str = ""
    credentials: Credentials | None = None
    _client: httpx2.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.region = self.region or "us-east-1"
        self.endpoint = (self.endpoint or f"https://s3.{self.region}.amazonaws.com").rstrip("/")
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError("endpoint", self.endpoint, "Use a URL such as https://minio.example.org:9000.")
        self._host, self._base = parts.netloc, parts.path
        verify = ssl.create_default_context() if parts.scheme == "https" else False
        self._client = httpx2.Client(timeout=_TIMEOUT_SECONDS, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key begins with `prefix`, in the order of their keys."""
        query = {"list-type": "2", "prefix": prefix}
        while True:
            with self._get("", query, {}) as response:
                page = _page(response.read(), self.endpoint)
            for node in page.findall("Contents"):
                etag = (node.findtext("ETag") or "").strip('"')
                yield StoredObject(node.findtext("Key") or "", int(node.findtext("Size") or 0), etag)
            token = page.findtext("NextContinuationToken")
            if page.findtext("IsTruncated") != "true" or not token:
                return
            query["continuation-token"] = token

    @contextmanager
    def content(self, item: StoredObject, start: int = 0) -> Iterator[Content]:
        """The bytes of an object from `start`, or from 0 if the store ignores it, of the version in `item`."""
        headers = {"if-match": f'"{item.etag}"'} | ({"range": f"bytes={start}-"} if start else {})
        with self._get(item.key, {}, headers) as response:
            begin = start if response.status_code == _PARTIAL else 0
            yield Content(begin, _md5(item.etag, response.headers), response.iter_raw())

    @contextmanager
    def _get(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Iterator[httpx2.Response]:
        path = f"{self._base}/{self.name}" + (f"/{key}" if key else "")
        # Bytes are stored as they are sent: a store that compresses would change their number.
        fields = {**headers, "accept-encoding": "identity"}
        if self.credentials:
            url = (self._host, path, query)
            fields = signed_headers(url, fields, self.credentials, self.region, datetime.now(UTC))
        address = f"{self.endpoint.removesuffix(self._base)}{encoded_path(path)}"
        if query:
            address = f"{address}?{encoded_query(query)}"
        with self._client.stream("GET", address, headers=fields) as response:
            if not response.is_success:
                self._reject(response, key)
            yield response

    def _reject(self, response: httpx2.Response, key: str) -> NoReturn:
        response.read()
        code, message = _error(response.text)
        place = f"s3://{self.name}/{key}"
        if code in _MISSING:
            raise InputError(
                "uri", place, "Check the bucket and the path.", problem=f"`{place}` does not exist."
            )
        if response.status_code in (_CHANGED, _UNSATISFIABLE):
            raise SetupError(
                f"`{place}` changed during the download.", hint="Start again when the upload is complete."
            )
        cause = f"{code}: {message}" if code else f"HTTP {response.status_code}"
        raise SetupError(
            f"{self.endpoint} rejects the request for `{place}` ({cause}).",
            hint="Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the region, and the permissions s3:ListBucket and s3:GetObject.",
        )


def _page(body: bytes, endpoint: str) -> ElementTree.Element:
    """The listing, without the namespace that not every store sets."""
    try:
        return ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", body, count=1))  # noqa: S314 - the store with the weights
    except ElementTree.ParseError as error:
        raise SetupError(
            f"The answer of {endpoint} is no listing of an S3 store.", hint="Check the endpoint."
        ) from error


def _error(body: str) -> tuple[str, str]:
    """Code and message of an error document, empty where there are none."""
    code = re.search("<Code>(.*?)</Code>", body, re.DOTALL)
    message = re.search("<Message>(.*?)</Message>", body, re.DOTALL)
    return (code[1] if code else "", message[1] if message else "")


def _md5(etag: str, headers: Mapping[str, str]) -> str:
    """The MD5 in the entity tag; that of an upload in parts or of an object encrypted with a key is something else."""
    encrypted = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    customer = "x-amz-server-side-encryption-customer-algorithm" in headers
    return etag if re.fullmatch("[0-9a-f]{32}", etag) and not encrypted and not customer else ""
