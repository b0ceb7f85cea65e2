"""What a live Prometheus is queried for: every panel of every board, with its variables filled in."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from dashboards.boards import boards
from dashboards.panel import Board
from dashboards.variables import BUILT_IN, filled

WAIT_SECONDS = 240
# Board → panels without live data, and what they need.
GPU, CERTIFICATE, JOBS, CLUSTER = (
    "a GPU",
    "a certificate and its campaign",
    "a run of the job",
    "kube-state-metrics",
)
WITHOUT_LIVE_DATA = {
    "signalbox-trust": {
        **dict.fromkeys(("State", "Detector", "Days until expiry", "Age", "Share shown red", "Events"), CERTIFICATE),
        **dict.fromkeys(("Labels owed", "Oldest request", "Labels since the certificate"), CERTIFICATE),
        **dict.fromkeys(("Error among green", "Correct green answers per day"), CERTIFICATE),
        **dict.fromkeys(("Wh per correct green answer", "Cost per correct green answer"), GPU),
    },
    "signalbox-answers": dict.fromkeys(
        ("Accuracy", "Baselines", "Coverage", "Error by light", "Calibration error", "Brier score", "Drift by column", "Effect",
         "Golden rows", "Score by criterion", "Is the judge trusted?", "Agreement with people"), JOBS,
    ),
    "signalbox-service": {"Clients": "API keys"},
    "signalbox-servers": dict.fromkeys(("Time to the first token", "Time between tokens", "Time of a request", "Finished requests", "KV cache in use", "Preemptions"), "an engine on a GPU"),
    "signalbox-gpu": dict.fromkeys((panel.title for board in boards() if board.uid == "signalbox-gpu" for panel in board.panels), GPU),
    "signalbox-jobs": {
        "Days since the last success": JOBS, "Last success": JOBS, "Rows evaluated": JOBS, "Duration": CLUSTER,
        "Failed runs": CLUSTER,
    },
}  # fmt: skip
PANELS = [(board, panel) for board in boards() for panel in board.panels]


class Queried(Protocol):
    """A Prometheus, wherever it runs."""

    def query(self, expression: str) -> list[dict[str, Any]]: ...

    def values(self, variable: str, pattern: str) -> list[str]: ...


def wait_until(ask_once: Callable[[], list], seconds: float = WAIT_SECONDS) -> list:
    """The first answer that is not empty; an empty one if there is none in time."""
    end = time.monotonic() + seconds
    while not (result := ask_once()) and time.monotonic() < end:
        time.sleep(2)
    return result


def wait_for(server: Queried, expression: str, seconds: float = WAIT_SECONDS) -> list:
    """The series of a query, as soon as there are some."""
    return wait_until(lambda: server.query(expression), seconds)


def variables(server: Queried, board: Board, namespace: str) -> dict[str, str]:
    """Every variable with a value that Prometheus offers for it: all, but for the namespace and for prices."""
    chosen = {"namespace": namespace, "__rate_interval": "1m"}
    for variable in board.variables:
        query = filled(variable.query, BUILT_IN | chosen, missing=".*")
        offered = wait_until(partial(server.values, query, variable.pattern))
        assert offered, f"the variable {variable.name} of {board.title} has no value"
        chosen.setdefault(variable.name, offered[0] if variable.pattern else ".*")
    return BUILT_IN | chosen


@contextlib.contextmanager
def repeated(work: Callable[[], object], pause_seconds: float = 2) -> Iterator[None]:
    """Do the work one time after the other, until the block ends: a rate needs traffic in its window."""
    end = threading.Event()

    def run() -> None:
        work()
        while not end.wait(pause_seconds):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
