"""What the load saw, and what follows from it: errors outside faults, latencies, growth. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# A process may grow by so much from the second fifth of its life to the last one.
MOST_MIB, MOST_HANDLES = 32.0, 8
# A process that lived shorter still warms up, so its growth says nothing.
SHORTEST_LIFE_SECONDS = 120.0
# After a fault ends, connections and health polls recover.
RECOVERY_SECONDS = 20.0
EXCEEDED = "exceeded"


@dataclass(frozen=True)
class Event:
    """One request: its start in seconds, the activity, the HTTP status (0: no answer) and its duration."""

    start: float
    activity: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Window:
    """A fault from `start` to `end`, in seconds."""

    fault: str
    start: float
    end: float

    def covers(self, event: Event) -> bool:
        """Whether the fault, or the recovery from it, may have affected a request."""
        return event.start + event.seconds >= self.start and event.start <= self.end + RECOVERY_SECONDS


@dataclass(frozen=True)
class Sample:
    """Memory and open file handles of a service's process, with its children."""

    second: float
    service: str
    pid: int
    mib: float
    handles: int


@dataclass
class Trace:
    """Everything that was seen. `records` and `feedback` are ids that the API confirmed."""

    events: list[Event] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    jobs: list[Event] = field(default_factory=list)  # the status is the exit status
    records: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # why a job failed


def is_excused(event: Event, windows: Iterable[Window]) -> bool:
    """Whether a fault may be the reason of a failure."""
    return any(window.covers(event) for window in windows)


def failures(trace: Trace) -> dict[str, int]:
    """Responses of class 5xx, and requests without an answer, in and outside of the windows of faults."""
    counts = dict.fromkeys(
        ("5xx in faults", "5xx otherwise", "no answer in faults", "no answer otherwise"), 0
    )
    for event in trace.events:
        kind = "5xx" if event.status >= 500 else "no answer" if event.status == 0 else ""
        if kind:
            counts[f"{kind} {'in faults' if is_excused(event, trace.windows) else 'otherwise'}"] += 1
    return counts


def latencies(trace: Trace) -> list[dict[str, object]]:
    """A row for each activity; percentiles of the answers outside faults."""
    rows: list[dict[str, object]] = []
    for activity in sorted({event.activity for event in trace.events}):
        here = [event for event in trace.events if event.activity == activity]
        calm = [event.seconds for event in here if event.status and not is_excused(event, trace.windows)]
        rows.append(
            {
                "activity": activity,
                "requests": len(here),
                "outside faults": len(calm),
                "p50 ms": _percentile(calm, 50),
                "p99 ms": _percentile(calm, 99),
            }
        )
    return rows


def _percentile(seconds: Sequence[float], percent: int) -> object:
    """In ms; empty for fewer than two values."""
    if len(seconds) < 2:
        return ""
    return round(1000 * statistics.quantiles(seconds, n=100)[percent - 1], 1)


def growths(trace: Trace) -> list[dict[str, object]]:
    """A row for each life of a service's process: medians of its second and its last fifth."""
    lives: dict[tuple[str, int], list[Sample]] = {}
    for sample in trace.samples:
        lives.setdefault((sample.service, sample.pid), []).append(sample)
    return [_growth(service, life) for (service, _), life in sorted(lives.items()) if len(life) >= 5]


def _growth(service: str, life: Sequence[Sample]) -> dict[str, object]:
    fifth = len(life) // 5
    early, late = life[fifth : 2 * fifth], life[-fifth:]
    mib = [statistics.median(sample.mib for sample in part) for part in (early, late)]
    handles = [statistics.median(sample.handles for sample in part) for part in (early, late)]
    lived = life[-1].second - life[0].second
    is_long = lived >= SHORTEST_LIFE_SECONDS
    grows = mib[1] - mib[0] > MOST_MIB or handles[1] - handles[0] > MOST_HANDLES
    return {
        "service": service,
        "lived s": round(lived),
        "MiB": f"{mib[0]:.0f} → {mib[1]:.0f}",
        "file handles": f"{handles[0]:.0f} → {handles[1]:.0f}",
        "bound": (EXCEEDED if grows else "kept") if is_long else "lived too short",
    }
