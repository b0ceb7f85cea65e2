"""Memory under llama.cpp and Ollama: weights of the file type, a cache of fixed size, the compute buffer.

Where not all requested slots fit, fewer are planned; one must fit. GPUs hold whole layers (split mode layer), so any
number of them works.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from signalbox.capacity.budget import Budget, Term, TermName
from signalbox.capacity.memory.gguf.tables import GgufTables
from signalbox.capacity.memory.gguf.weights import FileBytes, file_bytes, file_type
from signalbox.capacity.memory.llamacpp_slots import (
    Slots,
    bytes_per_token,
    cache_bytes,
    micro_batch,
    requested_slots,
)
from signalbox.capacity.serving import ALL_THAT_FIT
from signalbox.capacity.spec import Correction, Spec
from signalbox.capacity.units import GIB, parse_version

_FLOAT = 4
_HALF = 2
_SOURCE = "llama.cpp, checked against boots of llama-server: docs/log.md"


@dataclass(frozen=True)
class _Server:
    """A server on the fullest of its GPUs. Sizes are in bytes, corrections included."""

    spec: Spec
    tables: GgufTables

    @property
    def correction(self) -> Correction:
        return self.spec.correction or Correction("none")

    @property
    def gpus(self) -> int:
        return self.spec.tensor_parallel * self.spec.pipeline_parallel

    @property
    def layers(self) -> int:
        """Layers on GPUs: all of them unless the spec names a number. One more than all is the output matrix."""
        requested = self.spec.serving.gpu_layers
        return requested if isinstance(requested, int) else self.spec.model.layers + 1

    @property
    def layers_share(self) -> float:
        on_gpus = min(self.layers, self.spec.model.layers)
        return ceil(on_gpus / self.gpus) / self.spec.model.layers

    @property
    def host_share(self) -> float:
        """Part of the layers that the CPU computes."""
        return max(0, self.spec.model.layers - self.layers) / self.spec.model.layers

    @property
    def file(self) -> FileBytes:
        return file_bytes(self.spec.model, file_type(self.spec.quantization, self.tables), self.tables)

    @property
    def usable(self) -> int:
        """The specified share, else all but the margin that llama.cpp leaves when it fits itself to a GPU."""
        total, share = self.spec.gpu.total_bytes, self.spec.memory_utilization
        return total - self.tables.margin_bytes if share is None else int(total * share)

    @property
    def weights(self) -> int:
        """Layers and output matrix. The embedding stays in the host's memory, also when it is tied."""
        file = self.file
        head = file.head if self.layers > self.spec.model.layers else 0
        return round(file.layers * self.layers_share) + head + file.vision + self.correction.weights_bytes

    def host_bytes(self, slots: Slots) -> int:
        """Host memory where the CPU has layers: the embedding, their weights and cache, and a compute buffer."""
        if not self.host_share and self.layers > self.spec.model.layers:
            return 0
        file = self.file
        head = 0 if self.layers > self.spec.model.layers else file.head
        cache = cache_bytes(self.spec, slots, self.tables, self.host_share)
        return file.embedding + head + round(file.layers * self.host_share) + cache + self.compute(slots)

    @property
    def overhead(self) -> int:
        return self.tables.overhead_bytes + self.correction.non_torch_bytes

    def compute(self, slots: Slots) -> int:
        return compute_bytes(self.spec, slots, self.tables) + self.correction.activation_bytes

    def slots(self) -> Slots:
        """As many of the requested slots as fit with their compute buffer; at least one."""
        requested = requested_slots(self.spec, self.tables)
        one = Slots(1, requested.tokens, unified=False)
        each = cache_bytes(self.spec, one, self.tables, self.layers_share)
        if requested.unified or not each:
            return requested
        room = self.usable - self.weights - self.overhead - self.compute(requested)
        return Slots(max(1, min(requested.count, room // each)), requested.tokens, unified=False)


def budget(spec: Spec, tables: GgufTables) -> Budget:
    """The memory of the fullest GPU. `fits`: the planned layers are on GPUs, with a cache for one request of full context."""
    server = _Server(spec, tables)
    slots = server.slots()
    weights, other, compute = server.weights, server.overhead, server.compute(slots)
    cache = cache_bytes(spec, slots, tables, server.layers_share)
    left = server.usable - weights - other - compute
    fits = cache <= left
    rate = bytes_per_token(spec, tables) * server.layers_share
    tokens = slots.cells if fits else max(0, int(left / rate)) if rate else 0  # also of layers on the CPU
    rest = spec.gpu.total_bytes - weights - other - compute - cache
    terms = (
        _term("weights", weights, _weights_formula(server)),
        _term("non_torch", other, f"{other / GIB:.2f} GiB: CUDA context and kernels' own buffers, assumed"),
        _term("activation", compute, _compute_formula(spec, slots, tables)),
        _term("kv_cache", cache if fits else max(0, left), _cache_formula(spec, slots)),
        _term("reserve", max(0, rest), "what is left over"),
    )
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=server.usable,
        terms=terms,
        kv_bytes=cache if fits else left,
        kv_bytes_per_token=rate,
        kv_tokens=tokens,
        max_concurrency=tokens / slots.tokens,
        fits=fits,
        reason=_reason(server, slots, cache, left),
        host_bytes=server.host_bytes(slots),
    )


def settled(spec: Spec, tables: GgufTables) -> Spec:
    """The spec with the largest number of layers that fits, where it is left open."""
    if spec.serving.gpu_layers != ALL_THAT_FIT:
        return spec

    def with_layers(count: int) -> Spec:
        return replace(spec, serving=replace(spec.serving, gpu_layers=count))

    low, high = 0, spec.model.layers + 1
    if budget(with_layers(high), tables).fits:
        return with_layers(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if budget(with_layers(middle), tables).fits else (low, middle)
    return with_layers(low)


def planned_slots(spec: Spec, tables: GgufTables) -> Slots:
    """The slots that `budget` plans with: those requested, or as many as fit."""
    return _Server(spec, tables).slots()


def gpu_layers(spec: Spec, tables: GgufTables) -> int:
    """Layers that fit on one GPU with compute buffer and overhead, for -ngl; one more than all when all fit."""
    server = _Server(spec, tables)
    if spec.serving.gpu_layers is not None or budget(spec, tables).fits:
        return server.layers
    one = Slots(1, requested_slots(spec, tables).tokens, unified=False)
    layer = (server.file.layers + cache_bytes(spec, one, tables)) / spec.model.layers
    room = server.usable - tables.overhead_bytes - compute_bytes(spec, one, tables)
    return max(0, min(spec.model.layers, int(room / layer)))


def compute_bytes(spec: Spec, slots: Slots, tables: GgufTables) -> int:
    """The compute buffer: the widest point of one micro-batch through a layer, and the attention's mask."""
    tokens, width = micro_batch(spec, tables), _widest(spec)
    if not _has_slot_logits(spec, tables):
        width = max(width, spec.model.vocab + spec.model.hidden)
    if _has_flash_attention(spec, tables):
        return tokens * (width * _FLOAT + slots.tokens * _HALF)
    scores = spec.model.heads * slots.tokens + 5 * spec.model.hidden
    return tokens * (max(width, scores) + slots.tokens) * _FLOAT


def _widest(spec: Spec) -> int:
    """Numbers per token at the widest point: gate, up and their product, and five hidden states."""
    model = spec.model
    if model.moe is None:
        return 3 * model.intermediate + 5 * model.hidden
    experts = model.moe.topk * (3 * model.moe.intermediate + model.hidden)
    return experts + 3 * model.moe.shared * model.moe.intermediate + 5 * model.hidden


def _has_flash_attention(spec: Spec, tables: GgufTables) -> bool:
    return parse_version(spec.engine.version) >= tables.milestones[spec.engine.name].flash


def _has_slot_logits(spec: Spec, tables: GgufTables) -> bool:
    """Whether the compute buffer has logits of the slots only, not of a whole micro-batch."""
    return parse_version(spec.engine.version) >= tables.milestones[spec.engine.name].outputs


def _term(name: TermName, size: int, formula: str) -> Term:
    return Term(name, max(0, size), formula, _SOURCE)


def _weights_formula(server: _Server) -> str:
    file, kind = server.file, file_type(server.spec.quantization, server.tables)
    fullest = f" x {server.layers_share:.3f} (layers on the fullest of {server.gpus} GPUs)"
    split = fullest if server.gpus > 1 or server.host_share else ""
    head = f" + output {file.head / GIB:.3f}" if server.layers > server.spec.model.layers else ""
    vision = f" + projector {file.vision / GIB:.3f}" if file.vision else ""
    return (
        f"{kind}: layers {file.layers / GIB:.3f}{split}{head}{vision}; "
        f"the embedding ({file.embedding / GIB:.3f} GiB) stays in the host's memory"
    )


def _compute_formula(spec: Spec, slots: Slots, tables: GgufTables) -> str:
    mask = f"{slots.tokens} x {_HALF} B of mask"
    if not _has_flash_attention(spec, tables):
        mask = f"{slots.tokens} x ({spec.model.heads} heads + 1) x {_FLOAT} B of scores, no FlashAttention"
    return f"{micro_batch(spec, tables)} tokens x ({_widest(spec)} x {_FLOAT} B + {mask})"


def _cache_formula(spec: Spec, slots: Slots) -> str:
    words = "shared by" if slots.unified else "in each of"
    return f"{slots.tokens} tokens {words} {slots.count} slot(s), {spec.kv_dtype.replace('auto', 'f16')}"


def _reason(server: _Server, slots: Slots, cache: int, left: int) -> str:
    spec = server.spec
    if cache <= left:
        free, layers = (left - cache) / GIB, spec.model.layers
        split = f"{server.layers} of {layers} layers are on the GPU. " if server.host_share else ""
        return (
            f"{split}The cache of {slots.cells} tokens needs {cache / GIB:.2f} GiB, {free:.2f} GiB stay free."
        )
    short = (cache - left) / GIB
    return (
        f"One request of {spec.context} tokens is short by {short:.2f} GiB. With fewer layers on the GPU "
        "(engine llamacpp, --gpu-layers auto) the rest runs on the CPU, many times slower."
    )
