"""llama-server's boot log: buffers by kind and device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from signalbox.capacity.boot_logs import patterns
from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.fields import Values, first_match, match_fields, parse_bytes
from signalbox.capacity.units import MIB

_FILE_TYPE_ENDS = {" - small": "_s", " - medium": "_m", " - large": "_l"}


class LlamaLog:
    """Collects buffers by kind and device."""

    def __init__(self) -> None:
        self.values: Values = {}
        self.buffers: dict[str, dict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )  # kind → device → bytes
        self.error: str | None = None

    def read(self, line: str) -> None:
        if patterns.LLAMA_LOADS.search(line):
            self.buffers["model"].clear()
        if patterns.LLAMA_CONTEXT.search(line):
            for kind in ("KV", "RS", "compute", "output"):
                self.buffers[kind].clear()
        if match := patterns.BUFFER.search(line):
            self.buffers[match["kind"] or "model"][match["device"]] += parse_bytes(match["size"])
            return
        self.values |= match_fields(patterns.LLAMA, line)
        self.error = self.error or first_match(patterns.LLAMA_ERRORS, line)

    def measured(self) -> MeasuredBoot | None:
        if not self.buffers["model"]:
            return None
        on_gpu = any(not patterns.HOST.search(device) for device in self.buffers["model"])
        per_device = {
            kind: [
                size for device, size in devices.items() if bool(patterns.HOST.search(device)) is not on_gpu
            ]
            for kind, devices in self.buffers.items()
        }
        return _complete(dict(self.values), per_device, on_gpu, self.error)


def _complete(values: Values, buffers: dict[str, list[int]], on_gpu: bool, error: str | None) -> MeasuredBoot:
    """The fullest GPU, or the host's memory where no layer is on a GPU."""
    join: Callable[[list[int]], int] = max if on_gpu else sum
    cache = [*buffers.get("KV", []), *buffers.get("RS", [])]
    notes = [] if on_gpu else ["no layer is on a GPU: these are buffers in the host's memory"]
    if on_gpu and len(buffers["model"]) > 1:
        values["tensor_parallel"] = len(buffers["model"])
        notes.append(
            f"{len(buffers['model'])} GPUs share the layers: the largest buffer of each kind is used"
        )
    offloaded, _, layers = values.pop("offloaded", "0/0").partition("/")
    if on_gpu and offloaded != layers:
        notes.append(f"only {offloaded} of {layers} layers are on the GPU")
    if values.pop("flash", None) in ("0", "disabled"):
        notes.append("flash attention is off: the plan assumes it, with a smaller compute buffer")
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


def _file_type(name: str) -> str:
    """The quantization as in GGUF file names: `Q4_K - Medium` is q4_k_m."""
    name = name.lower()
    for end, short in _FILE_TYPE_ENDS.items():
        name = name.replace(end, short)
    return name
