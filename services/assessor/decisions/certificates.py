"""The certificates of this assessor: verified when they are loaded, loaded again when the folder changes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from signalbox.certificate import folder as files
from signalbox.certificate.check import check
from signalbox.certificate.keys import prompt_digest
from signalbox.certificate.signing import digest_of, load_public_key, verify
from signalbox.certificate.standing import AnswerKey, LoadedCertificate, standings
from signalbox.certificate.states import state_of
from signalbox.contracts.certificate import Certificate
from signalbox.contracts.record import ModelRelease
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.tasks import Task
from signalbox.traffic_light import Standings

log = logging.getLogger(__name__)

# Dates depend on the clock: they are compared for each answer, not when a file is loaded.
_STEP_OF_DATES = "dates"
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
        self._loaded: tuple[LoadedCertificate, ...] = ()

    def standings(
        self, release: ModelRelease, language: str, route: Route, thresholds_digest: str | None
    ) -> Standings:
        """The standing of the certificates for an answer, by verdict."""
        loaded = self._current()
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

    def _current(self) -> tuple[LoadedCertificate, ...]:
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._loaded, self._stamp = self._load(), stamp
        return self._loaded

    def _stamp_now(self) -> _Stamp:
        paths = [*files.certificate_files(self._folder), self._folder / files.EVENTS, self._public_key]
        return tuple((str(path), path.stat().st_mtime_ns) for path in paths if path.exists())

    def _load(self) -> tuple[LoadedCertificate, ...]:
        paths = files.certificate_files(self._folder)
        if not paths:
            return ()
        try:
            key, events = load_public_key(self._public_key), files.events(self._folder)
        except InputError as error:
            log.error("certificates not loaded", extra={"cause": error.message, "hint": error.hint})  # noqa: TRY400
            return ()
        loaded = []
        for path in paths:
            try:
                certificate = verify(path.read_bytes(), path.name, key)
                _check_replay(certificate, path)
            except InputError as error:
                log.error("certificate rejected", extra={"cause": error.message, "hint": error.hint})  # noqa: TRY400
                continue
            state = state_of(certificate.id, events)
            loaded.append(LoadedCertificate(certificate, digest_of(certificate), state))
        log.info("certificates loaded", extra={"certificates": len(loaded)})
        return tuple(loaded)


def _check_replay(certificate: Certificate, path: Path) -> None:
    """Raise InputError for a certificate whose labels do not show what it says, although its signature is right."""
    failed = [
        step
        for step in check(certificate, datetime.now(UTC))
        if not step.passed and step.name != _STEP_OF_DATES
    ]
    if failed:
        raise InputError(
            path.name,
            failed[0].name,
            f"Read `signalbox certify --check {path}`, then certify again.",
            problem=f"{path.name} does not hold: {failed[0].name}: {failed[0].text}.",
        )
