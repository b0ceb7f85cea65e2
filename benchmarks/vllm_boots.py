"""Start vLLM with random weights on this machine's GPUs, case by case, and record the memory that its log and workers report.

Needs a GPU machine with vLLM and PyYAML, and no network: `python -m benchmarks.vllm_boots OUT [--gpus 0,1] [--only NAME...]`.
Models are built from the public configurations in src/signalbox/capacity/data/models.yaml with `load_format=dummy`: no weights are
downloaded. Each case is a process of its own on a GPU of its own (with tensor_parallel_size 2 it takes two), forked from one that
has imported vLLM; a case takes 8 to 90 s. Written to OUT: boots.jsonl, a row a case (all `_gib` are GiB of one rank, as the worker
itself holds them), and CASE.log, vLLM's own output.

A case of vllm_boots.json: "case" its name, "model" a name in models.yaml, "engine" arguments of vllm.LLM; where wanted "config" more
fields of config.json, "env" more environment, "bench" batch sizes to time, "seconds" a time limit, and "warm_after" the case whose
torch.compile cache it finds (well before it in the file: nobody waits for it). Without that a boot is cold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.vllm_models import configuration, write_model

_HERE = Path(__file__).resolve().parent
_LIMIT_SECONDS, _LEAST_SECONDS = 110, 30
_PROMPT_TOKENS, _ANSWER_TOKENS = 512, 256

_SHOWN = (
    "rc",
    "wall_seconds",
    "weights_gib",
    "activation_gib",
    "non_torch_gib",
    "graph_estimate_gib",
    "graph_gib",
    "kv_gib",
    "error",
)

_LINES = {  # what a boot log says, by the name of the row's field
    "load_seconds": r"Model loading took [\d.]+ GiB(?: memory)? and ([\d.]+) seconds",
    "backend": r"Using (?:AttentionBackendEnum\.)?(\w+) attention backend",
    "kv_tokens": r"GPU KV cache size: ([\d,]+) tokens",
    "max_conc": r"Maximum concurrency for [\d,]+ tokens per request: ([\d.]+)x",
    "graph_gib": r"Graph capturing finished in [\d.]+ secs, took (-?[\d.]+) GiB",
    "graph_seconds": r"Graph capturing finished in ([\d.]+) secs",
    "encoder_budget": r"Encoder cache will be initialized with a budget of ([\d,]+) tokens",
    "profiled_images": r"profiled with (\d+) (?:image|video) items",
    "hybrid_block_size": r"Setting attention block size to (\d+) tokens",
    "mamba_blocks": r"exceeds available Mamba cache blocks \((\d+)\)",
    "compile_seconds": r"torch\.compile took ([\d.]+) s",
}
_REPORTED = {  # the same terms as the worker's, with the log's two decimals: for cases whose workers cannot be asked
    "weights_gib": r"Model loading took ([\d.]+) GiB",
    "activation_gib": r"torch peak memory increase: ([\d.]+)GiB",
    "non_torch_gib": r"non-torch forward increase memory: ([\d.]+)GiB",
    "kv_gib": r"Available KV cache memory: (-?[\d.]+) GiB",
}


def ask_worker(worker: Any) -> dict[str, Any]:
    """Runs inside a worker of vLLM: the terms of its own profile in bytes, and the use of the device after the boot."""
    import torch

    free, total = torch.cuda.mem_get_info()
    terms = {
        "cuda_total": total,
        "cuda_context": worker.init_snapshot.cuda_memory,
        "requested": worker.requested_memory,
        "weights": worker.model_runner.model_memory_usage,
        "activation": worker.peak_activation_memory,
        "non_torch": worker.non_torch_memory,
        "graph_estimate": worker.cudagraph_memory_estimate,
        "kv": worker.available_kv_cache_memory_bytes,
        "used_after_boot": total - free,
        "torch_reserved": torch.cuda.memory_reserved(),
        "torch_allocated": torch.cuda.memory_allocated(),
    }
    configuration = worker.vllm_config
    row: dict[str, Any] = {f"{name}_gib": round(int(value) / 2**30, 4) for name, value in terms.items()}
    row["runner"] = "V2" if worker.use_v2_model_runner else "V1"
    row["kv_blocks"] = configuration.cache_config.num_gpu_blocks
    row["block_size"] = configuration.cache_config.block_size
    row["kv_groups"] = kv_groups(worker)
    row["graph_mode"] = configuration.compilation_config.cudagraph_mode.name
    row["graph_sizes"] = len(configuration.compilation_config.cudagraph_capture_sizes or ())
    return row


def kv_groups(worker: Any) -> list[dict[str, Any]]:
    """Layers that share blocks, with tokens and bytes of a block: hybrid models have several kinds."""
    configuration = getattr(worker.model_runner, "kv_cache_config", None)
    return [
        {
            "kind": type(group.kv_cache_spec).__name__,
            "layers": len(group.layer_names),
            "block_size": group.kv_cache_spec.block_size,
            "page_bytes": group.kv_cache_spec.page_size_bytes,
        }
        for group in getattr(configuration, "kv_cache_groups", ())
    ]


class Power:
    """Mean watts of GPUs over a `with` block, from their own energy counters."""

    def __init__(self, gpus: list[int]) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._read = pynvml.nvmlDeviceGetTotalEnergyConsumption
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(gpu) for gpu in gpus]

    def __enter__(self) -> Power:
        self._joules = sum(map(self._read, self._handles)) / 1000
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self.watts = (sum(map(self._read, self._handles)) / 1000 - self._joules) / self.seconds


def time_batch(llm: Any, batch: int, gpus: list[int], seed: int) -> dict[str, Any]:
    """Prefill and decode of `batch` prompts that share no prefix; decode is the time of the tokens after the first."""
    import random

    from vllm import SamplingParams

    draw = random.Random(seed)

    def prompts() -> list[dict[str, list[int]]]:
        return [
            {"prompt_token_ids": [draw.randrange(100, 30000) for _ in range(_PROMPT_TOKENS)]}
            for _ in range(batch)
        ]

    def answer(tokens: int) -> Power:
        sampling = SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True, detokenize=False)
        questions = prompts()
        with Power(gpus) as power:
            llm.generate(questions, sampling, use_tqdm=False)
        return power

    answer(4)
    prefill, whole = answer(1), answer(_ANSWER_TOKENS + 1)
    decode_seconds = whole.seconds - prefill.seconds
    return {
        "batch": batch,
        "prompt_tokens": _PROMPT_TOKENS,
        "answer_tokens": _ANSWER_TOKENS,
        "prefill_seconds": round(prefill.seconds, 4),
        "prefill_tokens_per_second": round(batch * _PROMPT_TOKENS / prefill.seconds, 1),
        "decode_tokens_per_second": round(batch * _ANSWER_TOKENS / decode_seconds, 1),
        "power_watts": round(whole.watts, 1),
    }


def boot(case: dict[str, Any], gpus: list[int], row_file: Path, models: Path) -> None:
    """In the child: boot, query the workers, time batches; the row so far is written after each step."""
    from vllm import LLM

    # vLLM's compile cache knows a model by its folder: a folder of its own makes a boot cold.
    folder = models / case.get("warm_after", case["case"])
    folder.mkdir(exist_ok=True)
    config = configuration(case["model"], case.get("config"))
    needs_tokenizer = "vision_config" in config  # the profile of its images makes requests
    write_model(folder, config, with_tokenizer=needs_tokenizer)
    started = time.perf_counter()
    llm = LLM(
        str(folder),
        load_format="dummy",
        skip_tokenizer_init=not needs_tokenizer,
        disable_log_stats=True,
        **case["engine"],
    )
    row: dict[str, Any] = {"startup_seconds": round(time.perf_counter() - started, 1)}
    row |= llm.collective_rpc(ask_worker)[0]
    row_file.write_text(json.dumps(row), encoding="utf-8")
    for batch in case.get("bench", ()):
        row.setdefault("bench", []).append(time_batch(llm, batch, gpus, seed=batch))
        row_file.write_text(json.dumps(row), encoding="utf-8")


def start(case: dict[str, Any], gpus: list[int], out: Path, models: Path) -> int:
    """Fork a child, leader of a process group, that boots the case; its process id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    log = os.open(out / f"{case['case']}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ |= {"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus)), **case.get("env", {})}
    code = 1
    try:
        boot(case, gpus, out / f"{case['case']}.row", models)
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # neither the parent's exit handlers nor a hanging engine thread may run here


def read_log(text: str) -> dict[str, Any]:
    """The fields of _LINES, numbers as numbers, and whether the compile cache was empty."""
    row: dict[str, Any] = {}
    for name, pattern in _LINES.items():
        if match := re.search(pattern, text):
            value = match.group(1).replace(",", "")
            row[name] = value if name == "backend" else float(value) if "." in value else int(value)
    if "torch.compile took" in text or "Directly load" in text:
        row["compile_cache"] = "warm" if "Directly load" in text else "cold"
    if errors := re.findall(r"^\S*(?:Error|Exception): .{0,300}", text, re.MULTILINE):
        row["error"] = errors[-1]
    return row


def finish(
    case: dict[str, Any], code: int, seconds: float, out: Path, machine: dict[str, Any]
) -> dict[str, Any]:
    """The case's row: the case, then the log's values, then the workers' values."""
    engine = case["engine"]
    text = (out / f"{case['case']}.log").read_text(encoding="utf-8", errors="replace")
    reported = {
        name: float(match.group(1))
        for name, pattern in _REPORTED.items()
        if (match := re.search(pattern, text))
    }
    row_file = out / f"{case['case']}.row"
    exact = json.loads(row_file.read_text(encoding="utf-8")) if row_file.exists() else {}
    row_file.unlink(missing_ok=True)
    question = {
        name: case[name] for name in ("case", "model", "quantization", "config", "env") if name in case
    }
    question |= {name: engine.get(name) for name in ("max_num_seqs", "max_num_batched_tokens")}
    ran = {"rc": code, "wall_seconds": round(seconds, 1)}
    return {**question, "engine": engine, **machine, **ran, **reported, **read_log(text), **exact}


def machine_row() -> dict[str, Any]:
    """GPU, driver and versions, the same for all rows."""
    import torch
    import vllm

    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    first = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    gpu, driver, mib = first.split(", ")
    versions = {"cuda": torch.version.cuda, "torch": torch.__version__, "version": vllm.__version__}
    return {"gpu": gpu, "driver": driver, "nvidia_smi_mib": int(mib), **versions}


@dataclass
class Running:
    """A case under way."""

    case: dict[str, Any]
    gpus: list[int]
    since: float

    def over(self, child: int, deadline: float) -> int | None:
        """Its exit code after its end, which the time limit may cause; None before."""
        done, status = os.waitpid(child, os.WNOHANG)
        if not done and time.time() < min(self.since + self.case.get("seconds", _LIMIT_SECONDS), deadline):
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if not done:
            _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)


def gpus_needed(case: dict[str, Any]) -> int:
    """Ranks of the case."""
    return case["engine"].get("tensor_parallel_size", 1) * case["engine"].get("pipeline_parallel_size", 1)


def run_all(cases: list[dict[str, Any]], gpus: list[int], out: Path, models: Path, deadline: float) -> None:
    """Keep every GPU busy with the next case in order until all are done or the deadline is near."""
    machine, waiting, free = machine_row(), list(cases), list(gpus)
    running: dict[int, Running] = {}
    while running or (waiting and time.time() < deadline - _LEAST_SECONDS):
        if (
            waiting
            and len(free) >= (ranks := gpus_needed(waiting[0]))
            and time.time() < deadline - _LEAST_SECONDS
        ):
            case, used, free = waiting.pop(0), free[:ranks], free[ranks:]
            running[start(case, used, out, models)] = Running(case, used, time.time())
            continue
        time.sleep(0.1)
        for child, case in list(running.items()):
            if (code := case.over(child, deadline)) is None:
                continue
            row = finish(case.case, code, time.time() - case.since, out, machine)
            with (out / "boots.jsonl").open("a", encoding="utf-8") as rows:
                rows.write(json.dumps(row) + "\n")
            print(row["case"], {name: row[name] for name in _SHOWN if name in row}, flush=True)
            del running[child]
            free = sorted([*free, *case.gpus])


def main() -> None:
    """Read the arguments, import vLLM once, run the cases."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--cases", type=Path, default=_HERE / "vllm_boots.json")
    arguments.add_argument("--only", nargs="*", help="names of cases; all by default")
    arguments.add_argument("--gpus", default="0", help="comma-separated indices")
    arguments.add_argument("--seconds", type=float, default=3600, help="stop after this time")
    options = arguments.parse_args()
    deadline = time.time() + options.seconds
    os.environ |= {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in this process, so that its workers can be asked
        "VLLM_ALLOW_INSECURE_SERIALIZATION": "1",
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    options.out.mkdir(parents=True, exist_ok=True)
    cases = json.loads(options.cases.read_text(encoding="utf-8"))
    selection = [case for case in cases if not options.only or case["case"] in options.only]
    import vllm.v1.worker.gpu.model_runner
    import vllm.v1.worker.gpu_worker  # noqa: F401

    with tempfile.TemporaryDirectory() as models:
        run_all(selection, [int(gpu) for gpu in options.gpus.split(",")], options.out, Path(models), deadline)


if __name__ == "__main__":
    main()
