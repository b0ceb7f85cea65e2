"""API keys of the assessor's clients: created here, stored as hashes in a YAML file that fits into a Secret.

The file is a list. A client may have several keys, so that a new one is handed out before the old one ends:

    - client: reports
      sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
      requests_per_minute: 120    # optional, the same for all keys of a client
      burst: 20                   # optional, largest burst; defaults to requests_per_minute
      expires: 2027-01-31         # optional, the first day without access (UTC), or a time with its zone
      role: reviewer              # optional, may answer the queue of requests for ground truth and nothing else

A key is 256 random bits. It cannot be guessed, with or without the hash, so plain SHA-256 is enough; bcrypt and
similar functions protect passwords that people choose, and would cost every request some hundred milliseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.io import write_whole

# A reviewer sees texts without verdicts, so the routes that show verdicts are closed for the key.
Role = Literal["client", "reviewer"]
PREFIX = "signalbox_"  # what a scanner of leaked secrets looks for
SHORTEST_PREFIX = 8
_HEADER = "# Clients of the assessor, written by `signalbox keys`. Hashes only: the keys themselves are stored nowhere.\n"


def _midnight(value: object) -> object:
    """A plain date as its first moment in UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value


class ClientKey(Contract):
    """One key of one client."""

    client: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    requests_per_minute: int | None = Field(default=None, gt=0)
    burst: int | None = Field(default=None, gt=0)
    expires: Annotated[AwareDatetime, BeforeValidator(_midnight)] | None = None
    role: Role = "client"

    @property
    def short(self) -> str:
        """Enough of the hash to name the key."""
        return self.sha256[:SHORTEST_PREFIX]


_KEYS = TypeAdapter(list[ClientKey])


def generate() -> str:
    """A new key."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """The hash of a key. Any text is allowed: a request may contain what is no UTF-8."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def find(keys: Sequence[ClientKey], presented: str) -> ClientKey | None:
    """The entry of a key, or None. Every entry is compared, each in constant time."""
    sha256, match = digest(presented), None
    for entry in keys:
        if hmac.compare_digest(entry.sha256, sha256):
            match = entry
    return match


def load(path: Path) -> list[ClientKey]:
    """The keys in a file. Raises InputError, which quotes only the wrong value of the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"Cannot read {path}: {_reason(error)}."
        hint = "Check --file or SIGNALBOX_API_KEYS_FILE."
        raise InputError("api_keys_file", str(path), hint, problem=problem) from error
    return parse(text)


def parse(text: str) -> list[ClientKey]:
    """The keys in the text of a file. Raises InputError, for an empty text too: that is more often a mistake than `[]`."""
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        problem = f"clients: not YAML, {_position(error)}."
        raise InputError("clients", "(not YAML)", "Write a list of clients.", problem=problem) from error
    try:
        keys = _KEYS.validate_python(content)
    except ValidationError as error:
        raise _input_error(error) from error
    _check(keys)
    return keys


def add(keys: Sequence[ClientKey], client: str, **limits: Any) -> tuple[list[ClientKey], str]:  # noqa: ANN401
    """The keys with a new one of a client, and that key. An omitted limit or role is that of the client's other keys."""
    key = generate()
    earlier = next((entry for entry in keys if entry.client == client), None)
    changes = {name: value for name, value in limits.items() if value is not None}
    defaults = earlier.model_dump(include={"requests_per_minute", "burst", "role"}) if earlier else {}
    try:
        entry = ClientKey.model_validate({**defaults, **changes, "client": client, "sha256": digest(key)})
    except ValidationError as error:
        raise _input_error(error) from error
    # A limit is the client's, so a new one applies to its earlier keys too.
    limit = {"requests_per_minute": entry.requests_per_minute, "burst": entry.burst}
    others = [old.model_copy(update=limit) if old.client == client else old for old in keys]
    entries = [*others, entry]
    _check(entries)
    return entries, key


def revoke(keys: Sequence[ClientKey], name: str) -> tuple[list[ClientKey], list[ClientKey]]:
    """The remaining and the revoked keys: all of the client `name`, else the one whose hash starts with `name`."""
    matches = [entry for entry in keys if entry.client == name]
    if not matches and len(name) >= SHORTEST_PREFIX:
        matches = [entry for entry in keys if entry.sha256.startswith(name.lower())]
        if len(matches) > 1:
            problem = f"Several hashes start with {name}."
            raise InputError("key", name, "Use more characters of the hash.", problem=problem)
    if not matches:
        hint = (
            f"Use a client, or at least {SHORTEST_PREFIX} characters of a hash, from `signalbox keys list`."
        )
        raise InputError("client", name, hint, problem=f"No key of a client {name!r}, or with this hash.")
    return [entry for entry in keys if entry not in matches], matches


def save(path: Path, keys: Sequence[ClientKey]) -> None:
    """Write the file, readable by its owner only (mode 600), whole or not at all. Raises InputError."""
    try:
        write_whole(path, dump(keys), mode=0o600)
    except OSError as error:
        problem = f"Cannot write {path}: {_reason(error)}."
        hint = "Check --file or SIGNALBOX_API_KEYS_FILE."
        raise InputError("api_keys_file", str(path), hint, problem=problem) from error


def dump(keys: Sequence[ClientKey]) -> str:
    """The text of a file."""
    rows = [entry.model_dump(exclude_defaults=True) for entry in keys]
    return _HEADER + yaml.safe_dump(rows, sort_keys=False, allow_unicode=True)


def _check(keys: Sequence[ClientKey]) -> None:
    """Rules across entries: a hash is unique, all keys of a client have one limit, a burst needs a limit."""
    limits: dict[str, tuple[int | None, int | None]] = {}
    roles: dict[str, Role] = {}
    hashes: set[str] = set()
    for entry in keys:
        if entry.sha256 in hashes:
            problem = f"The hash {entry.short}… is in two entries."
            raise InputError("sha256", entry.short + "…", "Remove one of them.", problem=problem)
        hashes.add(entry.sha256)
        if entry.burst is not None and entry.requests_per_minute is None:
            hint = "Set requests_per_minute too: without a limit there is no burst."
            raise InputError(f"burst of {entry.client}", entry.burst, hint)
        limit = (entry.requests_per_minute, entry.burst)
        if roles.setdefault(entry.client, entry.role) != entry.role:
            hint = "Use one role for all keys of a client; give the reviewer a name of their own."
            raise InputError(f"role of {entry.client}", entry.role, hint)
        if limits.setdefault(entry.client, limit) != limit:
            hint = "Set the same requests_per_minute and burst for all keys of a client."
            raise InputError(f"requests_per_minute of {entry.client}", entry.requests_per_minute, hint)


def _input_error(error: ValidationError) -> InputError:
    """The first error, with the entry's number. A key in the place of its hash is not repeated."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if isinstance(part, int) or part in ClientKey.model_fields]
    field = ".".join(["clients", *path])
    if field.endswith("sha256"):
        hint = "Use the SHA-256 of the key, 64 hexadecimal digits: `signalbox keys add`."
        return InputError(field, "(not shown)", hint)
    value = first.get("input") if path else type(first.get("input")).__name__
    return InputError(field, value, f"{first['msg']}. See docs/guides/api-keys.md.")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _position(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1} cannot be read" if mark else "a value cannot be read"
