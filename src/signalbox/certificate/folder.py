"""The folder of campaigns, certificates and events. Files are written whole; events are appended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from signalbox.contracts.certificate import Campaign, CertificateEvent, CertificateKey, SignedCertificate
from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.io import AppendLog, write_whole
from signalbox.tasks import Task

EVENTS = "events.jsonl"
_Row = TypeVar("_Row", bound=Contract)


def certificate_files(folder: Path) -> list[Path]:
    """Certificate files of a folder by name; none if there is no folder."""
    return sorted(folder.glob("certificate-*.json"))


def campaigns(folder: Path) -> list[Campaign]:
    """All campaigns, the newest first. Raises InputError for a file that is none."""
    rows = [_parse(Campaign, path, path.read_bytes()) for path in folder.glob("campaign-*.json")]
    return sorted(rows, key=lambda row: row.planned_at, reverse=True)


def save_campaign(folder: Path, campaign: Campaign, task: Task) -> Path:
    """Write a campaign and return the path. A campaign is never written twice: it is immutable."""
    path = folder / f"campaign-{_name(campaign, task)}.json"
    if path.exists():
        raise InputError("campaign", campaign.id, "Plan a new campaign; one is never changed.")
    write_whole(path, campaign.model_dump_json(indent=2) + "\n")
    return path


def save_certificate(folder: Path, signed: SignedCertificate, task: Task) -> Path:
    """Write a certificate (atomically) and return the path."""
    certificate = signed.certificate
    path = folder / f"certificate-{_name(certificate.campaign, task)}-{certificate.id[:8]}.json"
    write_whole(path, signed.model_dump_json(indent=2) + "\n")
    return path


def events(folder: Path) -> list[CertificateEvent]:
    """All events, oldest first. Raises InputError for a row that is none."""
    path = folder / EVENTS
    return [_parse(CertificateEvent, path, row) for row in AppendLog(path).load()]


def append_event(folder: Path, event: CertificateEvent) -> None:
    """Add an event; it is on disk when this returns. Raises OSError."""
    log = AppendLog(folder / EVENTS)
    log.load()  # cuts off a torn last row
    log.append(event.model_dump_json())


def campaigns_of(folder: Path, task: str) -> Iterator[Campaign]:
    """The newest campaign of each key of a task."""
    keys: set[CertificateKey] = set()
    for campaign in campaigns(folder):
        if campaign.key.task == task and campaign.key not in keys:
            keys.add(campaign.key)
            yield campaign


def _name(campaign: Campaign, task: Task) -> str:
    key = campaign.key
    verdict = "all" if key.verdict is None else task.slugs.get(key.verdict, "other")
    return f"{key.task}-{key.language}-{key.route}-{verdict}-{campaign.id[:8]}"


def _parse(kind: type[_Row], path: Path, content: bytes) -> _Row:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise InputError(
            str(path),
            f"(no {kind.__name__})",
            "Restore the file from a backup, or move it out of the folder.",
            problem=f"{path} has a row that is no {kind.__name__}: {error}",
        ) from error
