"""A model in S3 object storage, as the command line and the environment name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from signalbox.artifacts.download import download
from signalbox.artifacts.s3 import Bucket
from signalbox.artifacts.signature import Credentials
from signalbox.errors import InputError

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def download_model(
    uri: str,
    folder: Path,
    *,
    endpoint: str,
    region: str,
    environment: Mapping[str, str],
    report: Callable[[str], None],
) -> list[str]:
    """Download `s3://BUCKET/PATH` into `folder` with the keys of `environment`. Raises InputError and SetupError."""
    name, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not name:
        raise InputError("uri", uri, "Use s3://BUCKET/PATH.")
    with Bucket(name, endpoint, region, credentials(environment)) as bucket:
        return download(bucket, prefix, folder, report)


def credentials(environment: Mapping[str, str]) -> Credentials | None:
    """The keys of the environment; None without any, for a public bucket. Raises InputError for half a pair."""
    key, secret = (environment.get(name, "") for name in _KEYS)
    if bool(key) != bool(secret):
        name = _KEYS[0] if secret else _KEYS[1]
        hint = "Set both keys, or none for a public bucket."
        raise InputError(name, "", hint, problem=f"`{name}` is not set.")
    return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN", "")) if key else None
