"""The light of a model's answer in a route, from the thresholds and certificates of this assessor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from services.assessor.decisions.certificates import CertificateTable
from signalbox.contracts.light import Light
from signalbox.contracts.record import ModelRelease, Record
from signalbox.contracts.routes import ROUTES, ModelName, Route
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.tasks import Task
from signalbox.thresholds import Passed, Thresholds, ThresholdTable, digest_of
from signalbox.traffic_light import Decision, decide, decide_failure


@dataclass(frozen=True)
class Outcome:
    """A model's answer, or why there is none, with the light for it and the models that answered until then."""

    result: Answer | ModelError
    decision: Decision
    passed: tuple[Passed, ...] = ()

    @property
    def thresholds_digest(self) -> str | None:
        """Digest of all thresholds that decided; None without an answer."""
        return digest_of([one.thresholds for one in self.passed])

    @property
    def shows_words(self) -> bool:
        """Whether words may leave: an answer is there, and its light is not red."""
        return isinstance(self.result, Answer) and self.decision.light is not Light.RED


class Decisions:
    """Thresholds and certificates of one task. A new file of either is effective without a restart."""

    def __init__(self, settings: Settings, task: Task) -> None:
        self._task = task
        self._thresholds = ThresholdTable(settings.thresholds_dir, task.name)
        self.certificates = CertificateTable(settings.certificates_dir, settings.certificate_public_key, task)

    def outcome(
        self, result: Answer | ModelError, language: str, route: Route, earlier: tuple[Passed, ...] = ()
    ) -> Outcome:
        """`earlier`: the models of the route that answered before and were not sure. Raises SetupError."""
        if isinstance(result, ModelError):
            return Outcome(result, decide_failure(result))
        own = self._thresholds.get(result.release, language, route, earlier)
        passed = (*earlier, Passed(result.release, own))
        digest = digest_of([one.thresholds for one in passed])
        standings = self.certificates.standings(result.release, language, route, digest)
        least_mass = self._task.certificate.minimum_verdict_mass
        return Outcome(result, decide(result, own, standings, least_mass=least_mass), passed)

    def thresholds_of(
        self, record: Record, release: ModelRelease, earlier: Sequence[ModelRelease] = ()
    ) -> Thresholds | None:
        """Thresholds by which a record of this release got its verdict. Raises SetupError.

        `earlier`: the releases of the models before it in the route. They count only if they answered, which the record's
        digest says. A record of an earlier version has none: its models had one file each. After a new calibration, the
        thresholds of today count.
        """
        passed: tuple[Passed, ...] = ()
        for model in earlier:
            limits = self._thresholds.get(model, record.language, record.route, passed)
            passed = (*passed, Passed(model, limits))
        alone = self._thresholds.get(release, record.language, record.route)
        if record.thresholds_digest in (None, digest_of([alone])):
            return alone
        return self._thresholds.get(release, record.language, record.route, passed)


def models_before(model: ModelName, route: Route) -> list[ModelName]:
    """The models that a route queries before this one."""
    return list(takewhile(lambda name: name != model, ROUTES[route].models))
