"""The decoder route of the assessor next to llama.cpp called directly with the same prompt, one text after the other.

Direct calls ask for the same probabilities as the assessor does, so the server's work is equal; what is left is the assessor's.
`cached` is the share of the prompt that the server took from its cache, by its own `timings`, from the second text on.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import httpx2

from benchmarks.assessor import READY_SECONDS, cpu_seconds
from benchmarks.decoder import sample, serving_decoder
from benchmarks.peers.environments import Report
from benchmarks.peers.rounds import Figures, Size, in_turns, median, ratios, spread
from local import stack
from local.processes import Supervisor
from signalbox.contracts.record import LabeledText
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task
from tests.helpers import folder_on_disk, free_port

DIRECT, OURS = "llama.cpp", "signalbox"
_TEXTS = {True: 3, False: 20}
_TOP_LOGPROBS = 20


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each way."""
    settings = Settings()
    with folder_on_disk() as folder, ExitStack() as servers:
        changes = {"state_dir": folder / "run", "encoder_enabled": False}
        changes |= {"decoder_port": free_port(), "assessor_port": free_port()}
        settings = servers.enter_context(serving_decoder(settings.model_copy(update=changes)))
        supervisor = servers.enter_context(Supervisor(folder / "logs"))
        assessor = replace(stack.assessor(settings), ready_seconds=READY_SECONDS)
        supervisor.start(assessor)
        supervisor.wait_ready(assessor)
        task = load_task(settings.task)
        rows = [row for row in sample(task) if row.language == "en"][: _TEXTS[size.quick]]
        client = servers.enter_context(httpx2.Client(timeout=120, trust_env=False))
        contestants = {
            DIRECT: partial(_direct, client, settings, task, rows),
            OURS: partial(_through, client, settings, rows),
        }
        for warm_up in contestants.values():
            warm_up()
        rounds = in_turns(contestants, size.rounds)
    return [_row(name, len(rows), rounds) for name in contestants]


def _direct(client: httpx2.Client, settings: Settings, task: Task, rows: list[LabeledText]) -> Figures:
    cached = prompt = tokens = 0
    started = time.perf_counter()
    for row in rows:
        body = {"model": "local", "messages": task.messages(row.text, row.language), "temperature": 0}
        body |= {"max_tokens": task.max_answer_tokens, "logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        answer = (
            client.post(f"{settings.decoder_base_url}/chat/completions", json=body).raise_for_status().json()
        )
        if row is not rows[0]:
            cached += answer["timings"]["cache_n"]
            prompt += answer["usage"]["prompt_tokens"]
        tokens += answer["usage"]["completion_tokens"]
    return {
        "seconds": time.perf_counter() - started,
        "tokens": tokens,
        "cached": cached / max(prompt, 1),
        "cpu_ms": 0.0,
    }


def _through(client: httpx2.Client, settings: Settings, rows: list[LabeledText]) -> Figures:
    before, started = cpu_seconds(settings.assessor_base_url), time.perf_counter()
    for row in rows:
        body = {"text": row.text, "language": row.language, "model": "decoder"}
        client.post(f"{settings.assessor_base_url}/v1/assess", json=body).raise_for_status()
    seconds = time.perf_counter() - started
    spent = cpu_seconds(settings.assessor_base_url) - before
    return {"seconds": seconds, "cpu_ms": 1000 * spent / len(rows)}


def _row(name: str, texts: int, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    is_direct = name == DIRECT
    return {
        "way": name,
        "texts": texts,
        "seconds a text": round(median(rounds, name, "seconds") / texts, 3),
        "seconds over those of direct calls": ""
        if is_direct
        else spread(ratios(rounds, "seconds", name, DIRECT), 3),
        "CPU ms of the assessor": "" if is_direct else round(median(rounds, name, "cpu_ms"), 1),
        "cached": f"{median(rounds, name, 'cached'):.0%}" if is_direct else "",
    }
