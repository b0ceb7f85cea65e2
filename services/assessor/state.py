"""The parts of one application, created at its start and passed on; no globals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import aiohttp
from fastapi import Depends, Request

from services.assessor.assess import Assess
from services.assessor.health import HealthPoll
from services.assessor.metrics import Metrics
from signalbox.models.base import ModelClient
from signalbox.settings import Settings
from signalbox.store import Store
from signalbox.tasks import Task


@dataclass(frozen=True)
class State:
    """Settings, task and the parts that work on them."""

    settings: Settings
    task: Task
    clients: Mapping[str, ModelClient]
    store: Store
    metrics: Metrics
    assess: Assess
    poll: HealthPoll
    upstream: aiohttp.ClientSession


def state_of(request: Request) -> State:
    """The state of the application that a request belongs to."""
    state: State = request.app.state.signalbox
    return state


Current = Annotated[State, Depends(state_of)]
