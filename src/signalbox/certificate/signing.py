"""Ed25519 signatures of certificates, over canonical JSON, and the key files (PEM)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import ValidationError

from signalbox.contracts.certificate import Certificate, SignedCertificate
from signalbox.errors import InputError
from signalbox.io import write_whole

_OWNER_ONLY = 0o600


def canonical(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted names and without spaces, in UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(certificate: Certificate) -> str:
    """SHA-256 of a certificate's canonical JSON, as records name it."""
    return hashlib.sha256(canonical(certificate.model_dump(mode="json"))).hexdigest()


def create_key(path: Path) -> Path:
    """Write a new private key to `path`, and its public key next to it with the suffix `.pub`, which is returned.

    Raises InputError if one of the files exists: certificates signed by its key would be lost.
    """
    public = public_path(path)
    for file in (path, public):
        if file.exists():
            raise InputError("key", str(file), "Choose another path; a key is never overwritten.")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_whole(path, private, mode=_OWNER_ONLY)
    write_whole(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def public_path(private: Path) -> Path:
    """Where `create_key` writes the public key."""
    return private.with_name(f"{private.stem}.pub")


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """The signing key. Raises InputError."""
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "a private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, "an Ed25519 private key")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The key that verifies. Raises InputError."""
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "a public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "an Ed25519 public key")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """First 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def sign(certificate: Certificate, key: Ed25519PrivateKey) -> SignedCertificate:
    """The certificate with its signature."""
    signature = key.sign(canonical(certificate.model_dump(mode="json")))
    return SignedCertificate(
        certificate=certificate,
        key_id=key_id(key.public_key()),
        signature=base64.b64encode(signature).decode(),
    )


def verify(content: bytes, name: str, key: Ed25519PublicKey) -> Certificate:
    """The certificate of a file's content, if its signature is of this key. Raises InputError with `name` as the field."""
    try:
        document = json.loads(content)
        signature = base64.b64decode(document["signature"], validate=True)
        body, signer = canonical(document["certificate"]), document["key_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise _no_certificate(name, str(error)) from error
    if signer != key_id(key):
        raise InputError(
            name,
            signer,
            "Use the public key of the signer (SIGNALBOX_CERTIFICATE_KEY), or certify again with your key.",
            problem=f"{name}: signed by the key `{signer}`, not by `{key_id(key)}`.",
        )
    try:
        key.verify(signature, body)
    except InvalidSignature as error:
        raise InputError(
            name,
            "(signature)",
            "Restore the file, or certify again.",
            problem=f"{name}: the signature does not match; the file was changed after it was signed.",
        ) from error
    try:
        return SignedCertificate.model_validate(document).certificate
    except ValidationError as error:
        raise _no_certificate(name, str(error)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "Create a key with `signalbox certify --create-key FILE`, or name an existing file."
        raise InputError(
            "key", str(path), hint, problem=f"key: cannot read {path}: {error.strerror}."
        ) from error


def _no_key(path: Path, kind: str) -> InputError:
    hint = "Create one with `signalbox certify --create-key FILE`."
    return InputError("key", str(path), hint, problem=f"key: {path} is not {kind} in PEM form.")


def _no_certificate(name: str, cause: str) -> InputError:
    return InputError(
        name,
        "(no certificate)",
        "Restore the file, or certify again with `signalbox certify`.",
        problem=f"{name} is not a certificate: {cause}",
    )
