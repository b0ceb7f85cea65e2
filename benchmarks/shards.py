"""An evaluation in 1, 2 and 4 shards, each a process as in the pods of an Indexed Job, in front of a model server that waits.

The model server is a stub that answers after two seconds (benchmarks/stub_upstream.py), as a large model does. So what shards
save is the waiting, which is all that more pods can save; a server whose cores are all busy gives them nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import mlflow

from benchmarks.assessor import running
from local import stack
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk

COUNTS = (1, 2, 4)
STUB_SECONDS = 2.0
ROWS_PER_LABEL = 20


def run() -> list[dict[str, object]]:
    """A row for each number of shards."""
    with folder_on_disk() as folder:
        changes = {
            "state_dir": folder / "run",
            "encoder_enabled": False,
            "decoder_concurrency": 2 * max(COUNTS),  # what all shards send at once
            "mlflow_url": f"sqlite:///{folder / 'mlflow.db'}",
        }
        settings = Settings().model_copy(update=changes)
        client = mlflow.MlflowClient(settings.mlflow_base_url)
        experiment = client.create_experiment(load_task(settings.task).name, (folder / "artifacts").as_uri())
        with running(settings, STUB_SECONDS) as served:
            seconds = {count: _seconds(served, count) for count in COUNTS}
        runs = client.search_runs([experiment])
    figures = {_figures(one.data.metrics) for one in runs}
    if len(runs) != len(COUNTS) or len(figures) != 1:
        raise RuntimeError(f"{len(runs)} runs of MLflow with {len(figures)} different sets of figures")
    return [
        {
            "shards": count,
            "seconds": round(spent, 1),
            "one shard's seconds over these": round(seconds[1] / spent, 2),
        }
        for count, spent in seconds.items()
    ]


def _seconds(settings: Settings, count: int) -> float:
    """Wall time until the last shard has ended. The answers of an earlier run are removed."""
    shutil.rmtree(settings.state_dir / "evaluations", ignore_errors=True)
    environment = {**os.environ, **stack.importable(), **stack.as_environment(settings)}
    command = [sys.executable, "-m", "pipelines", "evaluate", "--route", "decoder", "--tier", "everyday"]
    command += ["--limit", str(ROWS_PER_LABEL), "--shards", str(count)]
    started = time.perf_counter()
    shards = [
        subprocess.Popen(
            [*command, "--shard", str(index)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    for shard in shards:
        _, errors = shard.communicate()
        if shard.returncode:
            raise RuntimeError(f"a shard ended with {shard.returncode}:\n{errors[-1000:]}")
    return time.perf_counter() - started


def _figures(metrics: dict[str, float]) -> tuple[tuple[str, float], ...]:
    """Those that time does not enter."""
    timed = ("seconds", "per_second", "memory", "energy", "latency")
    return tuple(sorted(item for item in metrics.items() if not any(word in item[0] for word in timed)))
