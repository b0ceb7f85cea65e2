"""The folder of campaigns and certificates. Files are written whole, and a certificate is verified when it is read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from signalbox.certificate.check import check
from signalbox.certificate.evidence import check_in_zone
from signalbox.certificate.issue import plan_of
from signalbox.certificate.signing import digest_of, load_public_key, verify
from signalbox.contracts.certificate import Campaign, Certificate, CertificateKey, SignedCertificate
from signalbox.errors import InputError
from signalbox.io import write_whole
from signalbox.tasks import Task

log = logging.getLogger(__name__)

# Dates depend on the clock: they are compared for each answer, not when a file is read.
_STEP_OF_DATES = "dates"
_CERTIFICATE = re.compile(r"certificate-.*\.json", re.DOTALL)


@dataclass(frozen=True)
class VerifiedCertificate:
    """A certificate whose signature and replay are right, with its digest."""

    certificate: Certificate
    digest: str


def certificate_files(folder: Path) -> list[Path]:
    """Certificate files of a folder by name; none if there is no folder."""
    try:
        return _listed(folder)
    except OSError:
        return []


def campaigns(folder: Path) -> list[Campaign]:
    """All campaigns, the newest first. Raises InputError for a file that is none."""
    rows = [_parse(path) for path in folder.glob("campaign-*.json")]
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


def verified(folder: Path, public_key: Path) -> list[VerifiedCertificate]:
    """The certificates of a folder that hold. The log names what does not, and why."""
    try:
        return verified_or_error(folder, public_key)
    except InputError as error:
        log.error("certificates not loaded", extra={"cause": error.message, "hint": error.hint})  # noqa: TRY400
        return []


def verified_or_error(folder: Path, public_key: Path) -> list[VerifiedCertificate]:
    """The same. Raises InputError where the folder or, for its certificates, the key cannot be read.

    For a job that suspends or revokes: without certificates it would leave all of them as they are, and say that it is done.
    """
    try:
        paths = _listed(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        hint = "Give the process the right to read SIGNALBOX_CERTIFICATES_PATH."
        problem = f"certificates: cannot read {folder}: {error.strerror}."
        raise InputError("certificates", str(folder), hint, problem=problem) from error
    if not paths:
        return []
    key = load_public_key(public_key)
    rows = []
    for path in paths:
        try:
            rows.append(_verified(path, key))
        except InputError as error:
            log.error("certificate rejected", extra={"cause": error.message, "hint": error.hint})  # noqa: TRY400
    log.info("certificates loaded", extra={"certificates": len(rows)})
    return rows


def campaigns_of(folder: Path, task: str) -> Iterator[Campaign]:
    """The newest campaign of each key of a task."""
    keys: set[CertificateKey] = set()
    for campaign in campaigns(folder):
        if campaign.key.task == task and campaign.key not in keys:
            keys.add(campaign.key)
            yield campaign


def _listed(folder: Path) -> list[Path]:
    """Raises OSError. Listed for each answer, and a glob costs three times as much."""
    return sorted(path for path in folder.iterdir() if _CERTIFICATE.fullmatch(path.name))


def _name(campaign: Campaign, task: Task) -> str:
    key = campaign.key
    verdict = "all" if key.verdict is None else task.slugs.get(key.verdict, "other")
    return f"{key.task}-{key.language}-{key.route}-{verdict}-{campaign.id[:8]}"


def _verified(path: Path, key: Ed25519PublicKey) -> VerifiedCertificate:
    """Raises InputError for a file that was changed, or whose labels do not show what it says."""
    certificate = verify(path.read_bytes(), path.name, key)
    check_in_zone(certificate.threshold, plan_of(certificate.campaign))
    steps = check(certificate, datetime.now(UTC))
    failed = [step for step in steps if not step.passed and step.name != _STEP_OF_DATES]
    if failed:
        raise InputError(
            path.name,
            failed[0].name,
            f"Read `signalbox certify --check {path}`, then certify again.",
            problem=f"{path.name} does not hold: {failed[0].name}: {failed[0].text}.",
        )
    return VerifiedCertificate(certificate, digest_of(certificate))


def _parse(path: Path) -> Campaign:
    try:
        return Campaign.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            str(path),
            "(no Campaign)",
            "Restore the file from a backup, or move it out of the folder.",
            problem=f"{path} is not a campaign: {error}",
        ) from error
