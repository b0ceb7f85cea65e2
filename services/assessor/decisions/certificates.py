"""The certificates of this assessor: verified when they are loaded, loaded again when the folder changes.

Their states follow from the events in the store, which `EventPoll` hands in.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from signalbox.certificate import folder as files
from signalbox.certificate.folder import VerifiedCertificate, verified
from signalbox.certificate.keys import prompt_digest
from signalbox.certificate.monitoring.states import by_campaign, state_of
from signalbox.certificate.standing import AnswerKey, LoadedCertificate, standings
from signalbox.contracts.certificate import Certificate, CertificateEvent, CertificateState
from signalbox.contracts.record import ModelRelease
from signalbox.contracts.routes import ROUTES, Route
from signalbox.tasks import Task
from signalbox.traffic_light import Standings

# Without news from the store for so long, a revocation may have been missed: nothing is green then.
STALE_SECONDS = 300.0

_Stamp = tuple[tuple[str, int], ...]


class CertificateTable:
    """Certificates by what they cover. A file that does not verify makes nothing green, and the log says why."""

    def __init__(self, folder: Path, public_key: Path, task: Task) -> None:
        self._folder, self._public_key, self._task = folder, public_key, task
        self._prompts = {
            (language, route): prompt_digest(task, language, route)
            for language in task.languages
            for route in ROUTES
        }
        self._stamp: _Stamp | None = None
        self._verified: list[VerifiedCertificate] = []
        self._events: Sequence[CertificateEvent] = ()
        self._states: dict[
            str, CertificateState
        ] = {}  # by campaign; derived once a reading, not for each answer
        self._updated_at: float | None = None

    def update(self, events: Sequence[CertificateEvent]) -> None:
        """Take over all events of the task, as they are in the store now."""
        self._events, self._updated_at = tuple(events), time.monotonic()
        self._states = {campaign: state_of(rows) for campaign, rows in by_campaign(events).items()}

    def standings(
        self, release: ModelRelease, language: str, route: Route, thresholds_digest: str | None
    ) -> Standings:
        """The standing of the certificates for an answer, by verdict."""
        loaded = self.loaded()
        if not loaded:
            return {}
        answer = AnswerKey(language, route, release, thresholds_digest, self.prompt_digest(language, route))
        return standings(loaded, self._task.name, answer, datetime.now(UTC))

    def prompt_digest(self, language: str, route: Route) -> str | None:
        """Digest of the decoder's prompt, which does not change while the process runs."""
        return self._prompts[language, route]

    def find(self, digest: str | None) -> Certificate | None:
        """The certificate with this digest, which may have ended since; None if it is not in the folder."""
        return next((one.certificate for one in self._current() if one.digest == digest), None)

    def loaded(self) -> list[LoadedCertificate]:
        """All certificates with their states."""
        is_known = self._is_known
        return [
            LoadedCertificate(
                one.certificate,
                one.digest,
                self._states.get(one.certificate.campaign.id, state_of(())) if is_known else None,
            )
            for one in self._current()
        ]

    @property
    def events(self) -> Sequence[CertificateEvent]:
        """All events of the task, oldest first."""
        return self._events

    @property
    def _is_known(self) -> bool:
        return self._updated_at is not None and time.monotonic() - self._updated_at < STALE_SECONDS

    def _current(self) -> list[VerifiedCertificate]:
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._verified, self._stamp = verified(self._folder, self._public_key), stamp
        return self._verified

    def _stamp_now(self) -> _Stamp:
        certificates = files.certificate_files(self._folder)
        if not certificates:  # the key counts only with one
            return ()
        paths = [*certificates, self._public_key]
        return tuple((str(path), path.stat().st_mtime_ns) for path in paths if path.exists())
