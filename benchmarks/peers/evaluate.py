"""An evaluation of the local decoder next to promptfoo and deepeval: the same rows, prompts and server, two requests at once.

A run is a whole process, as a user starts it, with empty caches. By default, Signalbox lets the decoder justify three rows of
each label and reads only the verdict of the others; `all justified` generates as many tokens as the peers do. The assessor is
between `signalbox` and the server, so its CPU time counts too. The server's does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import mlflow

from benchmarks.assessor import READY_SECONDS, cpu_seconds
from benchmarks.decoder import serving_decoder
from benchmarks.peers.environments import PEERS, PeerMissingError, Report, environment, program
from benchmarks.peers.rounds import Figures, Size, in_turns, median, ratios, spread
from local import stack
from local.processes import Supervisor
from pipelines.evaluate.queries import CONCURRENCY
from pipelines.strata import select_rows
from signalbox.settings import Settings
from signalbox.tasks import evaluation_rows, load_task
from tests.helpers import folder_on_disk, free_port

OURS, JUSTIFIED = "signalbox", "signalbox, all justified"
ROWS_PER_LABEL = {True: 2, False: 10}  # of each language; a quick run has fewer
TIER = "everyday"
_WORKER = Path(__file__).with_name("deepeval_worker.py")
_MODULE_ENVIRONMENT = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
}


@dataclass(frozen=True)
class Work:
    """A decoder, the rows, and a folder for files."""

    settings: Settings
    rows: list[dict[str, object]]
    folder: Path


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each program."""
    settings, limit = Settings(), ROWS_PER_LABEL[size.quick]
    with folder_on_disk() as folder, ExitStack() as servers:
        changes = {
            "state_dir": folder / "run",
            "encoder_enabled": False,
            "decoder_port": free_port(),
            "assessor_port": free_port(),
            "decoder_concurrency": CONCURRENCY,
            "mlflow_url": f"sqlite:///{folder / 'mlflow.db'}",
        }
        settings = servers.enter_context(serving_decoder(settings.model_copy(update=changes)))
        supervisor = servers.enter_context(Supervisor(folder / "logs"))
        assessor = replace(stack.assessor(settings), ready_seconds=READY_SECONDS)
        supervisor.start(assessor)
        supervisor.wait_ready(assessor)
        client = mlflow.MlflowClient(settings.mlflow_base_url)  # creates the tables, which takes seconds
        client.create_experiment(load_task(settings.task).name, (folder / "artifacts").as_uri())
        work = Work(settings, _rows_of(settings, limit), folder)
        contestants: dict[str, Callable[[], Figures]] = {
            OURS: partial(_signalbox, work, limit),
            JUSTIFIED: partial(_signalbox, work, limit, justified=limit),
        }
        for name, make in {"promptfoo": _promptfoo, "deepeval": _deepeval}.items():
            try:
                contestants[name] = partial(_run, make(work, report), _MODULE_ENVIRONMENT, work)
            except PeerMissingError as error:
                report(f"  · {name} is left out: {error}")
        rounds = in_turns(contestants, 1 if size.quick else 3)
        return [_row(name, len(work.rows), rounds) for name in contestants]


def _rows_of(settings: Settings, limit: int) -> list[dict[str, object]]:
    """Messages and the word of the right label, for the rows that `evaluate --limit` takes."""
    task = load_task(settings.task)
    return [
        {"messages": task.messages(row.text, row.language), "expected": task.word(row.label, row.language)}
        for row in select_rows(evaluation_rows(task, TIER), limit)
    ]


def _signalbox(work: Work, limit: int, justified: int | None = None) -> Figures:
    command = [sys.executable, "-m", "pipelines", "evaluate", "--route", "decoder", "--tier", TIER, "--fresh"]
    command += ["--limit", str(limit), *(["--justified", str(justified)] if justified else [])]
    variables = {**stack.importable(), **stack.as_environment(work.settings)}
    before = cpu_seconds(work.settings.assessor_base_url)
    figures = _run(command, variables, work)
    figures["cpu_seconds"] += cpu_seconds(work.settings.assessor_base_url) - before
    return figures


def _promptfoo(work: Work, report: Report) -> list[str]:
    path = program("promptfoo", work.settings, report)
    provider = {
        "id": "openai:chat:local",
        "config": {
            "apiBaseUrl": work.settings.decoder_base_url,
            "apiKey": "none",
            "max_tokens": load_task(work.settings.task).max_answer_tokens,
            "temperature": 0,
        },
    }
    tests = [
        {
            "vars": {"messages": json.dumps(row["messages"], ensure_ascii=False)},
            "assert": [{"type": "starts-with", "value": row["expected"]}],
        }
        for row in work.rows
    ]
    config = work.folder / "promptfooconfig.json"
    content = {"prompts": ["{{messages}}"], "providers": [provider], "tests": tests}
    config.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    options = ["--no-cache", "--no-table", "--no-progress-bar", "--no-share", "-j", str(CONCURRENCY)]
    return [str(path), "eval", "-c", str(config), "-o", str(work.folder / "promptfoo.json"), *options]


def _deepeval(work: Work, report: Report) -> list[str]:
    python = program("deepeval", work.settings, report)
    job = work.folder / "deepeval.json"
    content = {
        "url": work.settings.decoder_base_url,
        "concurrency": CONCURRENCY,
        "max_tokens": load_task(work.settings.task).max_answer_tokens,
        "rows": work.rows,
    }
    job.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return [str(python), "-P", str(_WORKER), str(job)]


def _run(command: list[str], variables: Mapping[str, str], work: Work) -> Figures:
    """Wall and CPU seconds of a process and its children. promptfoo exits with 100 where an assertion fails."""
    home = {"PROMPTFOO_CONFIG_DIR": str(work.folder / "promptfoo"), "HOME": str(work.folder)}
    cache = {"SIGNALBOX_CACHE_DIR": str(work.settings.cache_dir)}
    base = environment(Path(command[0]))
    before, started = os.times(), time.perf_counter()
    # deepeval writes its results into the working directory.
    cwd = None if command[0] == sys.executable else work.folder
    done = subprocess.run(
        command,
        env={**base, **home, **cache, **variables},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 100):
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}"
        )
    seconds, after = time.perf_counter() - started, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "cpu_seconds": spent}


def _row(name: str, rows: int, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    is_peer = name in PEERS
    return {
        "program": f"{name} {PEERS[name].version}" if is_peer else name,
        "rows": rows,
        "seconds": round(median(rounds, name, "seconds"), 1),
        "CPU seconds": round(median(rounds, name, "cpu_seconds"), 1),
        "its seconds over Signalbox's": spread(ratios(rounds, "seconds", name, OURS)) if is_peer else "",
        "over those of all justified": spread(ratios(rounds, "seconds", name, JUSTIFIED)) if is_peer else "",
    }
