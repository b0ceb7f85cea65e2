"""Memory under llama.cpp and Ollama: weights of the file type, a cache of fixed size, the compute buffer.

A slot is a request at once; every slot has `context` tokens (`-c` is their sum). Where not all slots that were asked
for fit, fewer are planned; one must fit. Without `concurrency` Ollama has one slot, llama-server four that share one
cache of `context` tokens. GPUs hold whole layers (split mode layer), so any number of them works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil

from signalbox.capacity.budget import Budget, Term, TermName
from signalbox.capacity.memory.gguf_weights import FileBytes, file_bytes, file_type, tables
from signalbox.capacity.spec import GIB, Correction, KvGroup, Spec
from signalbox.errors import InputError

_FLOAT = 4
_HALF = 2
_MIB = 2**20
_SOURCE = "llama.cpp, checked against boots of llama-server: docs/log.md"
_SPLIT_MODEL = "layers on the fullest of {} GPUs"


@dataclass(frozen=True)
class Slots:
    """Requests at once. `unified`: they share one cache of `tokens`; else each has its own of `tokens`."""

    count: int
    tokens: int
    unified: bool

    @property
    def cells(self) -> int:
        """Tokens of the whole cache, what llama-server prints as n_ctx."""
        return self.tokens * (1 if self.unified else self.count)


@dataclass(frozen=True)
class _Share:
    """What one GPU holds of the model."""

    layers: float  # of all layers
    head: bool


def budget(spec: Spec) -> Budget:
    """The memory of the fullest GPU. `fits`: all layers lie on GPUs, and one request of the full context is held."""
    fix = spec.correction or Correction("none")
    usable = _usable(spec)
    share = _share(spec)
    weights = _gpu_weights(spec, share) + fix.weights_bytes
    other = _overhead_bytes() + fix.non_torch_bytes
    slots = planned_slots(spec)
    compute = compute_bytes(spec, slots) + fix.activation_bytes
    wanted = cache_bytes(spec, slots, share.layers)
    left = usable - weights - other - compute
    fits = wanted <= left
    rate = bytes_per_token(spec) * share.layers
    held = slots.cells if fits else max(0, int(left / rate)) if rate else 0
    terms = (
        _term("weights", weights, _weights_formula(spec, share)),
        _term("non_torch", other, f"{other / GIB:.2f} GiB: CUDA context and kernels' own buffers, assumed"),
        _term("activation", compute, _compute_formula(spec, slots)),
        _term("kv_cache", wanted if fits else max(0, left), _cache_formula(spec, slots)),
        _term(
            "reserve", max(0, spec.gpu.total_bytes - weights - other - compute - wanted), "what is left over"
        ),
    )
    return Budget(
        total_bytes=spec.gpu.total_bytes,
        usable_bytes=usable,
        terms=terms,
        kv_bytes=wanted if fits else left,
        kv_bytes_per_token=rate,
        kv_tokens=held,
        max_concurrency=held / slots.tokens,
        fits=fits,
        reason=_reason(spec, slots, wanted, left),
    )


def slots_of(spec: Spec) -> Slots:
    """The slots that are asked for, with the engine's defaults and its rounding to 256 tokens."""
    defaults = tables()["defaults"]
    tokens = _padded(spec.context)
    if spec.concurrency is not None:
        return Slots(spec.concurrency, tokens, unified=False)
    unified = spec.engine.name == "llamacpp"
    return Slots(defaults["slots"] if unified else 1, tokens, unified)


def planned_slots(spec: Spec) -> Slots:
    """The slots that `budget` plans with: those asked for, or as many as fit."""
    fix, share = spec.correction or Correction("none"), _share(spec)
    taken = _gpu_weights(spec, share) + fix.weights_bytes + _overhead_bytes() + fix.non_torch_bytes
    return _planned(spec, share, _usable(spec) - taken - fix.activation_bytes)


def _planned(spec: Spec, share: _Share, room: int) -> Slots:
    """As many of the slots as fit into `room` bytes with their compute buffer; at least one."""
    asked = slots_of(spec)
    one = Slots(1, asked.tokens, unified=False)
    if asked.unified:
        return asked
    each = cache_bytes(spec, one, share.layers)
    if not each:
        return asked
    return Slots(
        max(1, min(asked.count, (room - compute_bytes(spec, asked)) // each)), asked.tokens, unified=False
    )


def cache_bytes(spec: Spec, slots: Slots, layers: float = 1.0) -> int:
    """The cache of all slots, for a share of the layers."""
    key, value = cache_bits(spec.kv_dtype)
    total = 0.0
    for group in spec.model.kv_groups:
        if group.kind == "state":
            total += group.layers * group.state_bytes * slots.count
            continue
        token = (_keys(group) * key + group.kv_heads * group.value_dim * value) / 8
        total += group.layers * token * _group_cells(spec, group, slots)
    return ceil(total * layers)


def bytes_per_token(spec: Spec) -> float:
    """Bytes of one token in all layers, windows left aside."""
    key, value = cache_bits(spec.kv_dtype)
    return sum(
        group.layers * (_keys(group) * key + group.kv_heads * group.value_dim * value) / 8
        for group in spec.model.kv_groups
        if group.kind != "state"
    )


def _keys(group: KvGroup) -> int:
    return group.key_dim if group.kind == "mla" else group.kv_heads * group.key_dim


def cache_bits(kv_dtype: str) -> tuple[float, float]:
    """Bits of a number of keys and of values: "q8_0", or "q8_0/q4_0" for both. auto is f16."""
    bits = tables()["bits"]
    names = [
        part.removeprefix("float").replace("16", "f16") if part == "float16" else part
        for part in kv_dtype.lower().replace("auto", "f16").split("/")
    ]
    unknown = [name for name in names if name not in bits]
    if unknown or len(names) > 2:
        raise InputError("kv dtype", kv_dtype, f"One of {', '.join(bits)}, or two of them: q8_0/q4_0.")
    return float(bits[names[0]]), float(bits[names[-1]])


def _group_cells(spec: Spec, group: KvGroup, slots: Slots) -> int:
    """Tokens that layers of one kind keep, over all slots. A window keeps a micro-batch more."""
    if group.window is None:
        return slots.cells
    seen = group.window * (slots.count if slots.unified else 1) + ubatch(spec)
    return min(slots.tokens, _padded(seen)) * (1 if slots.unified else slots.count)


def ubatch(spec: Spec) -> int:
    """Tokens of a micro-batch (-ub)."""
    return min(spec.batched_tokens or tables()["defaults"]["ubatch"], _padded(spec.context))


def compute_bytes(spec: Spec, slots: Slots) -> int:
    """The compute buffer: the widest point of one micro-batch through a layer, and the attention's mask."""
    tokens = ubatch(spec)
    flash, slots_only = _since(spec)
    width = _wide(spec)
    if not slots_only:
        width = max(width, spec.model.vocab + spec.model.hidden)
    if flash:
        return tokens * (width * _FLOAT + slots.tokens * _HALF)
    scores = spec.model.heads * slots.tokens + 5 * spec.model.hidden
    return tokens * (max(width, scores) + slots.tokens) * _FLOAT


def _wide(spec: Spec) -> int:
    """Numbers a token of the widest point: gate, up and their product, and five hidden states."""
    model = spec.model
    if model.moe is None:
        return 3 * model.intermediate + 5 * model.hidden
    experts = model.moe.topk * (3 * model.moe.intermediate + model.hidden)
    return experts + 3 * model.moe.shared * model.moe.intermediate + 5 * model.hidden


def _since(spec: Spec) -> tuple[bool, bool]:
    """Whether this version has FlashAttention by default, and logits of the slots only."""
    regime = tables()["regimes"][spec.engine.name]
    version = _numbers(spec.engine.version)
    return version >= _numbers(regime["flash"]), version >= _numbers(regime["outputs"])


def _overhead_bytes() -> int:
    return int(tables()["overhead"]["mib"]) * _MIB


def _usable(spec: Spec) -> int:
    """The share that is given, else all but the margin that llama.cpp leaves when it fits itself to a GPU."""
    if spec.memory_utilization is not None:
        return int(spec.gpu.total_bytes * spec.memory_utilization)
    return spec.gpu.total_bytes - int(tables()["margin"]["mib"]) * _MIB


def _share(spec: Spec) -> _Share:
    gpus = spec.tensor_parallel * spec.pipeline_parallel
    return _Share(ceil(spec.model.layers / gpus) / spec.model.layers, head=True)


def _gpu_weights(spec: Spec, share: _Share) -> int:
    """Layers and output matrix lie on the GPU; the embedding stays in the host's memory, also when it is tied."""
    found = _file(spec)
    return round(found.layers * share.layers) + found.head + found.vision


def _file(spec: Spec) -> FileBytes:
    return file_bytes(spec.model, file_type(spec.quantization))


def host_bytes(spec: Spec, gpu_layers: int = 0) -> int:
    """Memory of the host with so many layers on the GPU: the mapped file's rest, its cache, compute and output buffer.

    Without a GPU that is all the server takes; the file's part is mapped, so it is read and dropped by the system.
    """
    found, slots = _file(spec), slots_of(spec)
    rest = 1 - min(gpu_layers, spec.model.layers) / spec.model.layers
    tied = spec.model.parameters.head == 0
    head = 0 if gpu_layers or tied else found.head
    output = slots.count * spec.model.vocab * _FLOAT
    compute = compute_bytes(spec, slots) if not gpu_layers else slots.tokens * ubatch(spec) * _HALF
    weights = round(found.layers * rest) + head + found.embedding
    return weights + cache_bytes(spec, slots, rest) + compute + output


def gpu_layers(spec: Spec) -> int:
    """How many layers fit on one GPU beside compute buffer and overhead, for -ngl; all of them and one when all fit."""
    one = budget(spec)
    if one.fits:
        return spec.model.layers + 1
    found, slots = _file(spec), Slots(1, slots_of(spec).tokens, unified=False)
    layer = (found.layers + cache_bytes(spec, slots)) / spec.model.layers
    room = one.usable_bytes - _overhead_bytes() - compute_bytes(spec, slots)
    return max(0, min(spec.model.layers, int(room / layer)))


def _padded(tokens: int) -> int:
    pad = int(tables()["defaults"]["pad"])
    return -(-tokens // pad) * pad


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def _term(name: TermName, size: int, formula: str) -> Term:
    return Term(name, max(0, size), formula, _SOURCE)


def _weights_formula(spec: Spec, share: _Share) -> str:
    found = _file(spec)
    gpus = spec.tensor_parallel * spec.pipeline_parallel
    split = f" x {share.layers:.3f} ({_SPLIT_MODEL.format(gpus)})" if gpus > 1 else ""
    vision = f" + projector {found.vision / GIB:.3f}" if found.vision else ""
    return (
        f"{file_type(spec.quantization)}: layers {found.layers / GIB:.3f}{split} + output {found.head / GIB:.3f}"
        f"{vision}; the embedding ({found.embedding / GIB:.3f} GiB) stays in the host's memory"
    )


def _compute_formula(spec: Spec, slots: Slots) -> str:
    flash, _ = _since(spec)
    mask = (
        f"{slots.tokens} x {_HALF} B of mask"
        if flash
        else (f"{slots.tokens} x ({spec.model.heads} heads + 1) x {_FLOAT} B of scores, no FlashAttention")
    )
    return f"{ubatch(spec)} tokens x ({_wide(spec)} x {_FLOAT} B + {mask})"


def _cache_formula(spec: Spec, slots: Slots) -> str:
    words = "shared by" if slots.unified else "in each of"
    return f"{slots.tokens} tokens {words} {slots.count} slot(s), {spec.kv_dtype.replace('auto', 'f16')}"


def _reason(spec: Spec, slots: Slots, wanted: int, left: int) -> str:
    if wanted <= left:
        return f"{slots.cells} tokens of cache take {wanted / GIB:.2f} GiB, {(left - wanted) / GIB:.2f} GiB stay free."
    lacking = (wanted - left) / GIB
    return (
        f"One request of {spec.context} tokens lacks {lacking:.2f} GiB. With fewer layers on the GPU (-ngl) the rest "
        "runs on the CPU, many times slower."
    )
