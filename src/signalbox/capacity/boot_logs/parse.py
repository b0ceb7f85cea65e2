"""Parsers of boot logs: what vLLM and llama-server print when they start. `log_lines.py` has the lines.

A line may carry any prefix (process name, time, file, pod) and colours: patterns are searched, not matched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from signalbox.capacity.boot_logs import patterns as lines
from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.units import GIB, MIB
from signalbox.errors import InputError

Values = dict[str, Any]
_UNITS = {"K": 2**10, "M": MIB, "G": GIB, "T": 2**40}
_TOKENS_PER_BLOCK = 16  # vLLM's default block size
_ERROR_CHARACTERS = 300
_FILE_TYPE_ENDS = {" - small": "_s", " - medium": "_m", " - large": "_l"}
_COLOUR = re.compile(r"\x1b?\[\d+(?:;\d+)*m")
_RANK = re.compile(r"\((?:Vllm)?Worker[^)]*\)")


def read_log(path: Path) -> MeasuredBoot:
    """The boot in a log file; of several boots the last one. InputError names what each format lacked."""
    try:
        with path.open(encoding="utf-8", errors="replace") as text:
            return parse(text, str(path))
    except OSError as error:
        raise InputError("log", str(path), f"Give a file that can be read: {error.strerror}.") from error


def parse(text: Iterable[str], name: str = "log") -> MeasuredBoot:
    """Parse a log of either engine."""
    vllm, llama = _Vllm(), _Llama()
    for line in text:
        plain = _COLOUR.sub("", line).rstrip()
        vllm.read(plain)
        llama.read(plain)
    for found in (vllm.measured(), llama.measured()):
        if found is not None:
            return found
    raise InputError(
        "log",
        name,
        "No boot is readable in it. Tried vllm: no line “Model loading took … GiB”, “Available KV cache memory: …” "
        "or a known failure; give the log from the server's start. Tried llama.cpp: no line “… model buffer size = … "
        "MiB”; start llama-server with `-lv 4`, since newer ones are silent about memory.",
    )


class _Vllm:
    """Collects the fields of one boot by rank; a new boot forgets the former one."""

    def __init__(self) -> None:
        self.ranks: dict[str, dict[str, Any]] = defaultdict(dict)  # field → rank → value
        self.settings: Values = {}
        self.error: str | None = None
        self.boots = 0
        self.ready = False

    def read(self, line: str) -> None:
        if lines.VLLM_ARGUMENTS_BEGIN.search(line):
            self.settings = _fields(lines.VLLM_ARGUMENTS, line)
        if begins := lines.VLLM_BEGINS.search(line):
            self._begin()
            self.settings |= _fields(lines.VLLM_CONFIG, line) | begins.groupdict()
            return
        self.ready = self.ready or lines.VLLM_READY.search(line) is not None
        if self.ready:
            return
        rank = _RANK.search(line)
        for field, value in _fields(lines.VLLM, line).items():
            by_rank, who = self.ranks[field], rank.group() if rank else ""
            # One graph that was compiled makes a cold start, whatever is loaded beside it.
            by_rank[who] = value or by_rank.get(who, False) if field == "cold" else value
        self.error = self.error or _first(lines.VLLM_ERRORS, line)

    def _begin(self) -> None:
        """Forget the former boot. Several engines of one boot (data parallel) begin before any loads weights."""
        if self.ranks.get("weights_bytes") or self.error or not self.boots:
            self.boots += 1
            self.ranks.clear()
            self.error = None
        self.ready = False

    def measured(self) -> MeasuredBoot | None:
        if not (self.ranks.get("weights_bytes") or self.ranks.get("kv_bytes") or self.error):
            return None
        values, notes = _joined(self.ranks)
        if self.boots > 1:
            notes.append(f"the log holds {self.boots} boots; the last one is read")
        return _complete_vllm(self.settings | values, self.error, notes)


def _joined(ranks: dict[str, dict[str, Any]]) -> tuple[Values, list[str]]:
    """One value a field: of several ranks the smallest cache and the largest of everything else."""
    values: Values = {}
    notes: list[str] = []
    for field, by_rank in ranks.items():
        found = list(by_rank.values())
        smallest = field in ("kv_bytes", "kv_tokens", "kv_blocks", "max_concurrency", "total_bytes")
        values[field] = found[-1] if isinstance(found[-1], str) else (min if smallest else max)(found)
        if field.endswith("_bytes") and len(set(found)) > 1:
            low, high = (f"{extreme(found) / GIB:.2f}" for extreme in (min, max))
            which = "smallest" if smallest else "largest"
            notes.append(f"{field[:-6]}: {len(found)} ranks from {low} to {high} GiB; the {which} is taken")
    return values, notes


def _complete_vllm(values: Values, error: str | None, notes: list[str]) -> MeasuredBoot:
    """Derive what a version prints in another form."""
    blocks, peak = values.pop("kv_blocks", None), values.pop("peak_bytes", None)
    if blocks is not None and "kv_tokens" not in values:
        values["kv_tokens"] = blocks * _TOKENS_PER_BLOCK
        notes.append(f"tokens: {blocks} blocks of {_TOKENS_PER_BLOCK}")
    if (given := values.pop("kv_given_bytes", None)) is not None:
        values |= {"kv_bytes": given, "kv_given": True}
        notes.append("the cache's size was given as an option: it says nothing about the other terms")
    if peak is not None and "activation_bytes" not in values:
        # This form counts the graph estimate as activation; the debug form does not.
        values["activation_bytes"] = peak - values.get("graphs_estimate_bytes", 0)
    if {"consumed_bytes", "weights_bytes"} <= values.keys() and "non_torch_bytes" not in values:
        values["non_torch_bytes"] = values["consumed_bytes"] - values["weights_bytes"]
    if "gpu" in values:
        values["gpu"] = values["gpu"].replace("_", " ")
    return MeasuredBoot(engine="vllm", error=error, notes=tuple(notes), **values)


class _Llama:
    """Collects buffers by kind and device."""

    def __init__(self) -> None:
        self.values: Values = {}
        self.buffers: dict[str, dict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )  # kind → device → bytes
        self.error: str | None = None

    def read(self, line: str) -> None:
        if lines.LLAMA_LOADS.search(line):
            self.buffers["model"].clear()
        if lines.LLAMA_CONTEXT.search(line):
            for kind in ("KV", "RS", "compute", "output"):
                self.buffers[kind].clear()
        if match := lines.BUFFER.search(line):
            self.buffers[match["kind"] or "model"][match["device"]] += _bytes(match["size"])
            return
        self.values |= _fields(lines.LLAMA, line)
        self.error = self.error or _first(lines.LLAMA_ERRORS, line)

    def measured(self) -> MeasuredBoot | None:
        if not self.buffers["model"]:
            return None
        on_gpu = any(not lines.HOST.search(device) for device in self.buffers["model"])
        per_device = {
            kind: [size for device, size in devices.items() if bool(lines.HOST.search(device)) is not on_gpu]
            for kind, devices in self.buffers.items()
        }
        return _complete_llama(dict(self.values), per_device, on_gpu, self.error)


def _complete_llama(
    values: Values, buffers: dict[str, list[int]], on_gpu: bool, error: str | None
) -> MeasuredBoot:
    """The fullest GPU, or all of the host's memory where no layer lies on a GPU."""
    join: Callable[[list[int]], int] = max if on_gpu else sum
    cache = [*buffers.get("KV", []), *buffers.get("RS", [])]
    notes = [] if on_gpu else ["no layer lies on a GPU: these are buffers in the host's memory"]
    if on_gpu and len(buffers["model"]) > 1:
        values["tensor_parallel"] = len(buffers["model"])
        notes.append(
            f"{len(buffers['model'])} GPUs share the layers: the largest buffer of each kind is taken"
        )
    done, _, layers = values.pop("offloaded", "0/0").partition("/")
    if on_gpu and done != layers:
        notes.append(f"only {done} of {layers} layers lie on the GPU")
    if values.pop("flash", None) in ("0", "disabled"):
        notes.append("flash attention is off: the plan has it on, which needs a smaller compute buffer")
    of_values = values.pop("value_dtype", None)
    if of_values not in (None, values.get("kv_dtype")):
        values["kv_dtype"] = f"{values['kv_dtype']}/{of_values}"
    total_mib = values.pop("total_mib", None)
    if "context" not in values and "kv_tokens" in values:
        values["context"] = values["kv_tokens"] // max(1, values.get("concurrency", 1))
    if "quantization" in values:
        values["quantization"] = _file_type(values["quantization"])
    return replace(
        MeasuredBoot(engine="llamacpp", error=error, notes=tuple(notes), **values),
        version=f"b{values['version']}" if "version" in values else None,
        total_bytes=None if total_mib is None else int(total_mib) * MIB,
        on_gpu=on_gpu,
        weights_bytes=join(buffers["model"]),
        activation_bytes=join(buffers["compute"]) if buffers.get("compute") else None,
        kv_bytes=join(cache) if cache else None,
    )


def _file_type(written: str) -> str:
    """The quantization as GGUF file names write it: `Q4_K - Medium` is q4_k_m."""
    name = written.lower()
    for end, short in _FILE_TYPE_ENDS.items():
        name = name.replace(end, short)
    return name


def _fields(table: Iterable[re.Pattern[str]], line: str) -> Values:
    """All fields that the table finds in a line; a value of None is no value."""
    found: Values = {}
    for pattern in table:
        if match := pattern.search(line):
            found |= {
                field: _value(field, text)
                for field, text in match.groupdict().items()
                if text is not None and text != "None"
            }
    return found


def _value(field: str, text: str) -> float | bool | str:
    if field.endswith("_bytes"):
        return _bytes(text)
    if field in ("memory_utilization", "max_concurrency"):
        return float(text)
    if field in _TRUTHS:
        return text == _TRUTHS[field]
    if field in _NUMBERS:
        return int(text.replace(",", ""))
    return text


_TRUTHS = {"eager": "True", "cold": "Compiling a graph for", "unified": "true"}
_NUMBERS = frozenset(
    (
        "context",
        "concurrency",
        "batched_tokens",
        "tensor_parallel",
        "pipeline_parallel",
        "kv_tokens",
        "kv_blocks",
    )
)


def _bytes(text: str) -> int:
    """Bytes of a size with its unit. Both engines write GB and GiB for 2**30, and some locales a comma."""
    unit = text.rstrip("iB")[-1]
    return round(float(text.partition(unit)[0].replace(",", ".")) * _UNITS[unit])


def _first(table: Iterable[re.Pattern[str]], line: str) -> str | None:
    """The text of the first pattern that occurs, to the end of the line."""
    found = next((match.group() for pattern in table if (match := pattern.search(line))), None)
    if found is None:
        return None
    return found if len(found) <= _ERROR_CHARACTERS else f"{found[: _ERROR_CHARACTERS - 1].rstrip()}…"
