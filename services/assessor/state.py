"""The parts of one application, created at its start and passed on; no globals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import aiohttp
from fastapi import Depends, Request

from services.assessor.assess import Assess
from services.assessor.calls import Calls
from services.assessor.health import HealthPoll
from services.assessor.metrics import Metrics
from services.assessor.review.fake_red import judged
from services.assessor.schemas import PublicPrediction, to_public
from signalbox.contracts.certificate import Certificate
from signalbox.contracts.light import Light
from signalbox.contracts.record import Feedback, Record
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.settings import Settings
from signalbox.store import Store
from signalbox.tasks import Task


@dataclass(frozen=True)
class State:
    """Settings, task and the parts that work on them. `routes`: those that exist here, in the order of forms."""

    settings: Settings
    task: Task
    calls: Mapping[str, Calls]
    store: Store
    metrics: Metrics
    assess: Assess
    poll: HealthPoll
    upstream: aiohttp.ClientSession
    routes: tuple[Route, ...]

    @property
    def default_route(self) -> Route:
        """The first route all of whose models answer now; the first one if none does.

        So requests that name no route are answered by the decoder while the encoder is not trained yet.
        """
        answering = self.poll.answering
        return next(
            (route for route in self.routes if set(ROUTES[route].models) <= answering), self.routes[0]
        )

    def public(self, record: Record) -> PublicPrediction:
        """A record as the API shows it, with the certificate that it names."""
        return to_public(record, self.task, self.certificate_of(record))

    def judged(self, record: Record, entries: Sequence[Feedback]) -> Record:
        """A record as people see it now: what was requested shows its light after the entry."""
        return judged(record, entries, initial_phase=self.settings.initial_phase)

    def certificate_of(self, record: Record) -> Certificate | None:
        """The certificate of a green record; None if it is not at hand."""
        # The certificate of a verdict would name the verdict that a red light withholds.
        is_green = record.light is Light.GREEN and record.certificate_digest
        return self.assess.certificates.find(record.certificate_digest) if is_green else None

    def route(self, name: Route | None) -> Route:
        """The route of a request. Raises InputError for one that does not exist here."""
        if name is None:
            return self.default_route
        if name not in self.routes:
            missing = " and no ".join(model for model in ROUTES[name].models if model not in self.routes)
            raise InputError(
                "model",
                name,
                f"Choose {' or '.join(self.routes)}.",
                problem=f"The route `{name}` does not exist: this assessor has no {missing}.",
            )
        return name


def state_of(request: Request) -> State:
    """The state of the application that a request belongs to."""
    state: State = request.app.state.signalbox
    return state


async def _current(request: Request) -> State:
    # FastAPI runs a plain function in a thread of its own, for each request.
    return state_of(request)


Current = Annotated[State, Depends(_current)]
