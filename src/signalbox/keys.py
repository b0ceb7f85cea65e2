"""API keys of the assessor's clients: made here, kept as hashes in a YAML file that a Secret can hold.

The file is a list; a client may have several keys, so that a new one is handed out before the old one ends:

    - client: reports
      sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
      requests_per_minute: 120    # optional, the same for all keys of a client
      burst: 20                   # optional, requests at once; default requests_per_minute
      expires: 2027-01-31         # optional, the first day without access (UTC), or a time with its zone

A key is 256 random bits. Nobody guesses one, with or without the hash, so plain SHA-256 is enough; bcrypt and
its like protect passwords that people choose, and would cost every request some hundred milliseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.files import write_whole

PREFIX = "signalbox_"  # what a scanner of leaked secrets looks for
SHORTEST_PREFIX = 8
_HEADER = "# Clients of the assessor, written by `signalbox keys`. Hashes only: the keys themselves are kept nowhere.\n"


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

    @property
    def short(self) -> str:
        """Enough of the hash to name the key."""
        return self.sha256[:SHORTEST_PREFIX]


_KEYS = TypeAdapter(list[ClientKey])


def generate() -> str:
    """A new key."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What is kept of a key. Any text is allowed: a stranger may send what is no UTF-8."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def find(keys: Sequence[ClientKey], presented: str) -> ClientKey | None:
    """The entry of a key, None when there is none. Every entry is compared, each in constant time."""
    wanted, found = digest(presented), None
    for entry in keys:
        if hmac.compare_digest(entry.sha256, wanted):
            found = entry
    return found


def load(path: Path) -> list[ClientKey]:
    """The keys in a file. Raises InputError, which names no more of the file than the wrong value."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("api_keys_file", str(path), f"It cannot be read: {_why(error)}.") from error
    return parse(text)


def parse(text: str) -> list[ClientKey]:
    """The keys in the text of a file. Raises InputError, for an empty text too: that is more often a mistake than `[]`."""
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise InputError("clients", "(not YAML)", f"Write a list of clients: {_place(error)}.") from error
    try:
        keys = _KEYS.validate_python(content)
    except ValidationError as error:
        raise _explained(error) from error
    _check(keys)
    return keys


def add(keys: Sequence[ClientKey], client: str, **limits: Any) -> tuple[list[ClientKey], str]:  # noqa: ANN401
    """The keys with a new one of a client, and that key. A limit left out is the client's earlier one."""
    key = generate()
    earlier = next((entry for entry in keys if entry.client == client), None)
    given = {name: value for name, value in limits.items() if value is not None}
    kept = earlier.model_dump(include={"requests_per_minute", "burst"}) if earlier else {}
    try:
        entry = ClientKey.model_validate({**kept, **given, "client": client, "sha256": digest(key)})
    except ValidationError as error:
        raise _explained(error) from error
    # A limit is the client's, so a new one holds for its earlier keys too.
    limit = {"requests_per_minute": entry.requests_per_minute, "burst": entry.burst}
    others = [old.model_copy(update=limit) if old.client == client else old for old in keys]
    added = [*others, entry]
    _check(added)
    return added, key


def revoke(keys: Sequence[ClientKey], name: str) -> tuple[list[ClientKey], list[ClientKey]]:
    """What stays and what goes: all keys of a client, else the one whose hash starts with `name`."""
    gone = [entry for entry in keys if entry.client == name]
    if not gone and len(name) >= SHORTEST_PREFIX:
        gone = [entry for entry in keys if entry.sha256.startswith(name.lower())]
        if len(gone) > 1:
            raise InputError("key", name, "Several keys start like this: give more characters of the hash.")
    if not gone:
        hint = (
            f"Give a client, or at least {SHORTEST_PREFIX} characters of a hash, from `signalbox keys list`."
        )
        raise InputError("client", name, hint)
    return [entry for entry in keys if entry not in gone], gone


def save(path: Path, keys: Sequence[ClientKey]) -> None:
    """Write the file for its owner's eyes (mode 600), whole or not at all. Raises InputError."""
    try:
        write_whole(path, dump(keys), mode=0o600)
    except OSError as error:
        raise InputError("file", str(path), f"It cannot be written: {_why(error)}.") from error


def dump(keys: Sequence[ClientKey]) -> str:
    """The text of a file."""
    rows = [entry.model_dump(exclude_none=True) for entry in keys]
    return _HEADER + yaml.safe_dump(rows, sort_keys=False, allow_unicode=True)


def _check(keys: Sequence[ClientKey]) -> None:
    """What holds between entries: a hash stands once, a limit is a client's, a burst needs a limit."""
    limits: dict[str, tuple[int | None, int | None]] = {}
    seen: set[str] = set()
    for entry in keys:
        if entry.sha256 in seen:
            raise InputError("sha256", entry.short + "…", "It stands twice: a key belongs to one entry.")
        seen.add(entry.sha256)
        if entry.burst is not None and entry.requests_per_minute is None:
            hint = "It needs requests_per_minute: without a limit there is no burst."
            raise InputError(f"burst of {entry.client}", entry.burst, hint)
        limit = (entry.requests_per_minute, entry.burst)
        if limits.setdefault(entry.client, limit) != limit:
            hint = "Give all keys of a client the same requests_per_minute and burst."
            raise InputError(f"requests_per_minute of {entry.client}", entry.requests_per_minute, hint)


def _explained(error: ValidationError) -> InputError:
    """The first thing that is wrong, with the entry's number. A key in the place of its hash is not repeated."""
    first = error.errors()[0]
    named = [str(part) for part in first["loc"] if isinstance(part, int) or part in ClientKey.model_fields]
    where = ".".join(["clients", *named])
    if where.endswith("sha256"):
        hint = "Give the SHA-256 of the key, 64 hexadecimal digits: `signalbox keys add`."
        return InputError(where, "(not shown)", hint)
    shown = first.get("input") if named else type(first.get("input")).__name__
    return InputError(where, shown, f"{first['msg']}. See docs/guides/api-keys.md.")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1} cannot be read" if mark else "it cannot be read"
