"""The end of the demo: green is earned in the queue, measured against the truth, and taken away when the texts change."""

from __future__ import annotations

from rich.console import Console

from local.clock import Clock
from local.demo import certification, drift, green
from local.demo.stream import FILE, Stream
from signalbox.contracts.routes import ModelName
from signalbox.settings import Settings
from signalbox.tasks import Task


def close(
    settings: Settings, task: Task, stream: Stream, route: ModelName, console: Console, clock: Clock
) -> None:
    """Certify, measure, disturb. A task without a stream of texts is left as it is. Raises InputError and SetupError."""
    if not stream.exists:
        console.print(f"· the task has no {FILE}, so no users' texts are sent and nothing is certified")
        return
    with clock.step(f"a scripted reviewer answers the queue about the {route}"):
        result = certification.certify(settings, stream, route, console)
        certification.explain(result, console)
    with clock.step("compare green answers with the truth"):
        figures, pairs = green.measure(settings, task, stream, route, console)
    green.show(figures, task.certificate.alpha, console)
    if result.first is None:
        console.print("  Nothing is green, so texts of another kind have nothing to take away.")
        return
    with clock.step(f"texts of the task {drift.OTHER_TASK} arrive, and the certificates are watched"):
        drift.disturb(settings, task, pairs, route, console)
