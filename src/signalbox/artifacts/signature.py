"""AWS Signature Version 4 of a request without a body, as S3 stores check it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

_EMPTY_BODY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """Keys of an S3 store; `session_token` belongs to temporary keys only."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


def encoded_path(path: str) -> str:
    """A path as it is signed and sent: everything but the slash and unreserved characters in percent form."""
    return quote(path, safe="/-_.~")


def encoded_query(query: Mapping[str, str]) -> str:
    """A query as it is signed and sent: sorted, and in percent form."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    url: tuple[str, str, Mapping[str, str]],
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    time: datetime,
) -> dict[str, str]:
    """`headers` and those of a signed GET request for `url`: host, path, and query. `time` is in UTC."""
    host, path, query = url
    stamp = time.strftime("%Y%m%dT%H%M%SZ")
    token = {"x-amz-security-token": credentials.session_token} if credentials.session_token else {}
    fields = {
        **{name.lower(): value for name, value in headers.items()},
        **token,
        "host": host,
        "x-amz-content-sha256": _EMPTY_BODY,
        "x-amz-date": stamp,
    }
    names = ";".join(sorted(fields))
    lines = [f"{name}:{fields[name].strip()}" for name in sorted(fields)]
    request = "\n".join(("GET", encoded_path(path), encoded_query(query), *lines, "", names, _EMPTY_BODY))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(_key(credentials, stamp[:8], region), text.encode(), hashlib.sha256).hexdigest()
    credential = f"{credentials.access_key_id}/{scope}"
    fields["authorization"] = (
        f"{_ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
    )
    return fields


def _key(credentials: Credentials, day: str, region: str) -> bytes:
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
