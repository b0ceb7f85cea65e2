"""The decoder route of the assessor next to llama.cpp called directly with the same prompt, one text after the other.

Direct calls ask for the same probabilities as the assessor does, so the server's work is equal; what is left is the assessor's.
The ways alternate from text to text, and change places in the next round, so that each text is answered both ways within a
second or so of other work on the machine. `cached` is the share of the prompt that the server took from its cache, by its
own `timings`, from the second text on.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx2

from benchmarks.assessor import READY_SECONDS
from benchmarks.decoder import sample, serving_decoder
from benchmarks.peers.environments import Report
from benchmarks.peers.rounds import Figures, Size, process_cpu_seconds, spread
from local import stack
from local.processes import Supervisor
from signalbox.contracts.record import LabeledText
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task
from tests.helpers import folder_on_disk, free_port

DIRECT, OURS = "llama.cpp", "signalbox"
_TEXTS = {True: 3, False: 20}
_PAIRS = {True: 1, False: 6}  # of rounds
_TOP_LOGPROBS = 20
Pair = dict[str, list[Figures]]  # the figures of each text, by way


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
        with httpx2.Client(timeout=120, trust_env=False) as client:
            ways = Ways(client, settings, task, supervisor.pid(assessor))
            ways.pair(rows)  # connections, caches, and the prompt that all texts have in common
            pairs = [ways.pair(rows) for _ in range(_PAIRS[size.quick])]
    return _rows(len(rows), pairs)


class Ways:
    """Both ways to an answer, with the process of the assessor."""

    def __init__(self, client: httpx2.Client, settings: Settings, task: Task, assessor: int) -> None:
        self._client, self._settings, self._task, self._assessor = client, settings, task, assessor

    def pair(self, rows: list[LabeledText]) -> Pair:
        """Two rounds over the texts; in the second one, each text goes the other way."""
        figures: Pair = {DIRECT: [], OURS: []}
        for first in (0, 1):
            for index, row in enumerate(rows):
                if (index + first) % 2:
                    figures[OURS].append(self._through(row, index))
                else:
                    figures[DIRECT].append(self._direct(row, index))
        return {way: sorted(texts, key=lambda text: text["text"]) for way, texts in figures.items()}

    def _direct(self, row: LabeledText, index: int) -> Figures:
        body: dict[str, Any] = {"model": "local", "messages": self._task.messages(row.text, row.language)}
        body |= {"max_tokens": self._task.max_answer_tokens, "temperature": 0}
        body |= {"logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        started = time.perf_counter()
        url = f"{self._settings.decoder_base_url}/chat/completions"
        answer = self._client.post(url, json=body).raise_for_status().json()
        seconds = time.perf_counter() - started
        cached, prompt = answer["timings"]["cache_n"], answer["usage"]["prompt_tokens"]
        return {"text": index, "seconds": seconds, "cached": cached, "prompt": prompt}

    def _through(self, row: LabeledText, index: int) -> Figures:
        body = {"text": row.text, "language": row.language, "model": "decoder"}
        before, started = process_cpu_seconds(self._assessor), time.perf_counter()
        self._client.post(f"{self._settings.assessor_base_url}/v1/assess", json=body).raise_for_status()
        seconds = time.perf_counter() - started
        cpu_ms = 1000 * (process_cpu_seconds(self._assessor) - before)
        return {"text": index, "seconds": seconds, "cpu_ms": cpu_ms}


def _rows(texts: int, pairs: list[Pair]) -> list[dict[str, object]]:
    total = {way: [sum(text["seconds"] for text in pair[way]) for pair in pairs] for way in (DIRECT, OURS)}
    added = [
        1000 * (ours["seconds"] - direct["seconds"])
        for pair in pairs
        for ours, direct in zip(pair[OURS], pair[DIRECT], strict=True)
    ]
    direct = [text for pair in pairs for text in pair[DIRECT]]
    cached = sum(text["cached"] for text in direct) / sum(text["prompt"] for text in direct)
    cpu_ms = statistics.median(text["cpu_ms"] for pair in pairs for text in pair[OURS])
    shown = {way: round(statistics.median(seconds) / texts, 3) for way, seconds in total.items()}
    low, middle, high = statistics.quantiles(added, n=4)
    ratios = [ours / direct for ours, direct in zip(total[OURS], total[DIRECT], strict=True)]
    return [
        {"way": DIRECT, "answers": len(direct), "seconds a text": shown[DIRECT]}
        | {"seconds over those of direct calls": "", "added ms (quartiles)": "", "CPU ms of the assessor": ""}
        | {"cached": f"{cached:.0%}"},
        {"way": OURS, "answers": len(direct), "seconds a text": shown[OURS]}
        | {"seconds over those of direct calls": spread(ratios, 3)}
        | {"added ms (quartiles)": f"{middle:.1f} ({low:.1f} to {high:.1f})"}
        | {"CPU ms of the assessor": round(cpu_ms, 1), "cached": ""},
    ]
