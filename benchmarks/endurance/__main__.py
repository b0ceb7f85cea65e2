"""Run the load and print the figures: `make bench-endurance MINUTES=45`, at least 3.

Writes build/endurance.json (the figures) and build/endurance.svg; `--keep` writes those from which `make generate` makes the
section Endurance of docs/reference/performance.md. Exit status 1 when a confirmed record or feedback is
missing from the store, an error of class 5xx is not in the window of a fault, a job fails outside of one, or a process grows by more
than the bound (`events.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
from rich.console import Console

from benchmarks import queue
from benchmarks.__main__ import LOG_WIDTH, print_rows
from benchmarks.assessor import READY_SECONDS
from benchmarks.endurance.events import EXCEEDED, Trace, failures, growths, is_excused, latencies
from benchmarks.endurance.faults import Stack
from benchmarks.endurance.observers import missing, observe
from benchmarks.endurance.page import FIGURES, PLOT
from benchmarks.endurance.plot import svg
from benchmarks.machine import conditions
from local import stack as services
from local.monitoring import prometheus
from local.processes import Supervisor
from pipelines.train.job import train
from signalbox.artifacts import gguf_file
from signalbox.contracts.requests import Sampling
from signalbox.requests import requests_of
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk, free_port

QUEUE_RECORDS = 2_000
KEPT_MINUTES = 45.0


def main(arguments: list[str]) -> int:
    """Start the stack, load it, and judge what was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance")
    parser.add_argument("--minutes", type=float, default=KEPT_MINUTES)
    parser.add_argument("--keep", action="store_true", help="write the figures and the plot for the page")
    options = parser.parse_args(arguments)
    minutes = options.minutes
    if minutes < 3:
        parser.error(f"--minutes: `{minutes:g}` is too short for the faults; 3 or more")
    if options.keep and minutes < KEPT_MINUTES:
        parser.error(f"--keep: a run of {minutes:g} minutes is not kept; --minutes {KEPT_MINUTES:g} or more")
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    with folder_on_disk() as folder, running_stack(folder, console) as (settings, stack):
        trace = asyncio.run(observe(settings, stack, 60 * minutes, console))
        lost = missing(trace, stack.database)
    figures = judge(trace, lost, minutes)
    _show(figures, console)
    files = (FIGURES, PLOT) if options.keep else (Path("build/endurance.json"), Path("build/endurance.svg"))
    for file, text in zip(
        files, (json.dumps(figures, indent=1) + "\n", svg(trace, 60 * minutes)), strict=True
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    console.print(f"figures: {files[0]}, plot: {files[1]}")
    return 0 if figures["passed"] else 1


@contextmanager
def running_stack(folder: Path, console: Console) -> Iterator[tuple[Settings, Stack]]:
    """Encoder, decoder, assessor and Prometheus with a queue of requests; MLflow is a file, which jobs write."""
    ports = ("encoder", "decoder", "assessor", "prometheus", "job_metrics")
    settings = Settings().model_copy(
        update={
            "state_dir": folder / "run",
            "mlflow_url": f"sqlite:///{folder / 'mlflow.db'}",
            **{f"{name}_port": free_port() for name in ports},
        }
    )
    client = mlflow.MlflowClient(settings.mlflow_base_url)
    client.create_experiment(load_task(settings.task).name, (folder / "artifacts").as_uri())
    console.print("· training the encoder and filling the queue")
    train(settings, pool=0, track=False)
    asyncio.run(fill_queue(settings))
    model = gguf_file(settings.decoder_model, settings)
    parts = (services.encoder(settings), services.decoder(settings, model), services.assessor(settings))
    running = {part.name: replace(part, ready_seconds=READY_SECONDS) for part in parts if part}
    with Supervisor(settings.logs_dir) as supervisor:
        for service in running.values():
            supervisor.start(service)
        for service in running.values():
            supervisor.wait_ready(service)
        prometheus.start(settings, supervisor, console)
        database = Path(settings.store_url.removeprefix("sqlite:///"))
        yield settings, Stack(running, supervisor, database)


async def fill_queue(settings: Settings) -> None:
    """Records of benchmarks/queue.py and requests for ground truth on half of them."""
    plan = Sampling(campaign=queue._campaign(), propensity=0.5)
    records = [queue._record(number) for number in range(QUEUE_RECORDS)]
    async with open_store(settings.store_url) as store:
        await store.append_many(records)
        await store.requests.add_campaign(plan)
        requests = requests_of(plan, records, load_task(settings.task), known=(), excluded=())
        await store.requests.add_requests(requests)


def judge(trace: Trace, lost: dict[str, int], minutes: float) -> dict[str, Any]:
    """All figures, and whether the run passes."""
    errors, processes = failures(trace), growths(trace)
    failed_jobs = [job for job in trace.jobs if job.status and not is_excused(job, trace.windows)]
    passed = not (
        any(lost.values())
        or errors["5xx otherwise"]
        or failed_jobs
        or any(row["bound"] == EXCEEDED for row in processes)
    )
    return {
        "minutes": minutes,
        "measured": conditions(),
        "passed": passed,
        "confirmed": {"record": len(trace.records), "feedback": len(trace.feedback)},
        "lost": lost,
        "errors": errors,
        "faults": [f"{window.fault} at {window.start:.0f} s" for window in trace.windows],
        "jobs": {"run": len(trace.jobs), "failed outside faults": len(failed_jobs)},
        "notes": trace.notes,
        "latencies": latencies(trace),
        "processes": processes,
    }


def _show(figures: dict[str, Any], console: Console) -> None:
    print_rows(console, "requests", figures["latencies"])
    print_rows(console, "processes", figures["processes"])
    for name in ("confirmed", "lost", "errors", "jobs", "notes", "passed"):
        console.print(f"{name}: {figures[name]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
