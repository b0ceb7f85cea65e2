"""An evaluation of the local decoder next to promptfoo and deepeval: the same rows, prompts and server, two requests at once.

A run is a whole process, as a user starts it, with empty caches. `verdicts only` is what batch work needs: the decoder's answer
ends with the verdict. `all justified` generates as many tokens as the peers do. The assessor is between `signalbox` and the
decoder, and MLflow stores its results, so the CPU time of both counts too. The decoder's does not. Each program runs on two numbers
of rows: the difference is what a row costs beyond the start. It is measured once more in front of a stub that answers at once
(benchmarks/stub_upstream.py), because a decoder that shares its cores hides what the programs cost.
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

from benchmarks.assessor import READY_SECONDS
from benchmarks.decoder import serving_decoder
from benchmarks.peers.environments import PEERS, PeerMissingError, Report, environment, program
from benchmarks.peers.rounds import Figures, Size, group_cpu_seconds, in_turns, median, ratios, spread
from local import stack
from local.processes import Service, Supervisor
from pipelines.evaluate.queries import CONCURRENCY
from pipelines.strata import select_rows
from signalbox.settings import Settings
from signalbox.tasks import evaluation_rows, load_task
from tests.helpers import folder_on_disk, free_port

OURS, JUSTIFIED = "signalbox, verdicts only", "signalbox, all justified"
# Rows of each language and label, in full and in a quick run. The stub answers at once, so that many rows take no time.
ROWS_PER_LABEL = {"local": {False: (2, 6), True: (1, 3)}, "stub": {False: (2, 60), True: (2, 60)}}
TIER = "everyday"
_WORKER = Path(__file__).with_name("programs") / "deepeval_worker.py"
_MODULE_ENVIRONMENT = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
}


@dataclass(frozen=True)
class Work:
    """A decoder, the rows, a folder for files, and the CPU seconds of the servers that work for Signalbox."""

    settings: Settings
    limit: int
    rows: list[dict[str, object]]
    folder: Path
    served: Callable[[], float]


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each decoder and program."""
    return [
        {"decoder": decoder} | row
        for decoder, limits in ROWS_PER_LABEL.items()
        for row in _compare(decoder, limits[size.quick], size, report)
    ]


def _compare(decoder: str, limits: tuple[int, int], size: Size, report: Report) -> list[dict[str, object]]:
    with folder_on_disk() as folder, ExitStack() as servers:
        settings, served = _serve(Settings(), decoder, folder, servers)
        works = []
        for limit in limits:
            own = folder / str(limit)
            own.mkdir()
            works.append(Work(settings, limit, _rows_of(settings, limit), own, served))
        contestants: dict[str, Callable[[], Figures]] = {}
        names = [OURS, JUSTIFIED]
        for work in works:
            contestants[_key(OURS, work)] = partial(_signalbox, work, justified=0)
            contestants[_key(JUSTIFIED, work)] = partial(_signalbox, work, justified=work.limit)
        for name, make in {"promptfoo": _promptfoo, "deepeval": _deepeval}.items():
            try:
                runs = {
                    _key(name, work): partial(_run, make(work, report), _MODULE_ENVIRONMENT, work)
                    for work in works
                }
            except PeerMissingError as error:
                report(f"  · {name} is left out: {error}")
                continue
            contestants |= runs
            names.append(name)
        rounds = in_turns(contestants, 1 if size.quick else 2)
        return [_row(name, works[0], works[1], rounds) for name in names]


def _serve(
    settings: Settings, decoder: str, folder: Path, servers: ExitStack
) -> tuple[Settings, Callable[[], float]]:
    """Decoder, assessor and MLflow; the settings, and the CPU seconds of the last two."""
    changes = {
        "state_dir": folder / "run",
        "encoder_enabled": False,
        "decoder_port": free_port(),
        "assessor_port": free_port(),
        "mlflow_port": free_port(),
        "mlflow_url": None,
        "decoder_concurrency": CONCURRENCY,
    }
    supervisor = servers.enter_context(Supervisor(folder / "logs"))
    if decoder == "stub":
        stub = _stub()
        supervisor.start(stub)
        supervisor.wait_ready(stub)
        changes["decoder_url"] = f"{stub.url}/v1"
    settings = servers.enter_context(serving_decoder(settings.model_copy(update=changes)))
    services = [
        replace(service, ready_seconds=READY_SECONDS)
        for service in (stack.assessor(settings), stack.mlflow(settings))
        if service is not None
    ]
    for service in services:
        supervisor.start(service)
    for service in services:
        supervisor.wait_ready(service)
    leaders = [supervisor.pid(service) for service in services]
    return settings, lambda: sum(map(group_cpu_seconds, leaders))


def _stub() -> Service:
    port = free_port()
    command = (sys.executable, "-m", "uvicorn", "benchmarks.stub_upstream:app", "--port", str(port))
    quiet = ("--log-level", "warning")
    return Service(
        "stub", (*command, *quiet), "127.0.0.1", port, "/v1/models", "", ready_seconds=READY_SECONDS
    )


def _key(name: str, work: Work) -> str:
    return f"{name}, {len(work.rows)} rows"


def _rows_of(settings: Settings, limit: int) -> list[dict[str, object]]:
    """Messages and the word of the right label, for the rows that `evaluate --limit` takes."""
    task = load_task(settings.task)
    return [
        {"messages": task.messages(row.text, row.language), "expected": task.word(row.label, row.language)}
        for row in select_rows(evaluation_rows(task, TIER), limit)
    ]


def _signalbox(work: Work, justified: int) -> Figures:
    command = [sys.executable, "-m", "pipelines", "evaluate", "--route", "decoder", "--tier", TIER, "--fresh"]
    command += ["--limit", str(work.limit), "--justified", str(justified)]
    variables = {**stack.importable(), **stack.as_environment(work.settings)}
    before = work.served()
    figures = _run(command, variables, work)
    figures["cpu_seconds"] += work.served() - before
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


def _row(name: str, less: Work, more: Work, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    few, many, is_peer = _key(name, less), _key(name, more), name in PEERS
    extra = len(more.rows) - len(less.rows)

    def beyond(key: str) -> str:
        """Of a row, beyond the start."""
        return spread([(one[many][key] - one[few][key]) / extra for one in rounds], 3)

    def over(other: str) -> str:
        return spread(ratios(rounds, "seconds", many, _key(other, more))) if is_peer else ""

    return {
        "program": f"{name} {PEERS[name].version}" if is_peer else name,
        "rows": len(more.rows),
        "seconds": round(median(rounds, many, "seconds"), 1),
        "CPU seconds": round(median(rounds, many, "cpu_seconds"), 1),
        "seconds a row": beyond("seconds"),
        "CPU seconds a row": beyond("cpu_seconds"),
        "its seconds over verdicts only": over(OURS),
        "over all justified": over(JUSTIFIED),
    }
