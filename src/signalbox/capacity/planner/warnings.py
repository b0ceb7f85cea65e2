"""What the owner of a set-up should know beyond the support rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from signalbox.capacity.memory import budget
from signalbox.capacity.planner.choose import Judged
from signalbox.capacity.planner.engine_args import needs_quantized_checkpoint
from signalbox.capacity.planner.result import Remark
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import GIB, parse_version

_LEAST_GAIN = GIB // 20  # what a filled compile cache gains below this is not worth a line
_LOGS_READ = ((0, 6), (0, 30))  # oldest and newest vLLM whose boots the cases have


def remarks(judged: Judged) -> Iterator[Remark]:
    """Warnings, in the order of the table below."""
    for rule in _RULES:
        if (found := rule(judged)) is not None:
            yield found


def _waiting(judged: Judged) -> Remark | None:
    spec, held = judged.spec, judged.budget.max_concurrency
    if not judged.fits or spec.concurrency is None or held >= spec.concurrency:
        return None
    return Remark(
        rule="requests-wait",
        reason=f"The cache holds {held:.1f} of {spec.concurrency} requests of {spec.context} tokens.",
        hint="Full ones wait for each other: lower --context or --concurrency, or add a replica.",
    )


def _cast(judged: Judged) -> Remark | None:
    spec = judged.spec
    lacks = not spec.gpu.has_bfloat16
    if spec.engine.name not in ("vllm", "tgi", "nim") or not lacks or spec.model.dtype != "bfloat16":
        return None
    if spec.dtype == "bfloat16":
        return None  # refused, and said there
    return Remark(
        rule="no-bfloat16",
        reason=f"{spec.gpu.name} has no bfloat16: the model, made in it, runs in {spec.dtype}.",
        hint="Check the quality on your task; float16 has a smaller range.",
    )


def _tied_head(judged: Judged) -> Remark | None:
    spec = judged.spec
    # vLLM binds the head to the embedding, whatever the checkpoint stores; TGI loads both.
    if spec.engine.name != "tgi" or not (spec.model.tied and spec.quantization.head_copy):
        return None
    size = spec.model.parameters.embedding * 2 / GIB / spec.tensor_parallel
    return Remark(
        rule="tied-head-copy",
        reason=f"The model shares head and embedding, TGI loads both from a checkpoint in {spec.quantization.name}: "
        f"{size:.2f} GiB more, and counted.",
        hint="",
    )


def _cold(judged: Judged) -> Remark | None:
    """The plan counts a first start's compilation; what a start gains that finds its result."""
    spec = judged.spec
    if spec.engine.name != "vllm" or spec.eager or not judged.fits:
        return None
    gain = budget(replace(spec, warm_cache=True)).kv_bytes - judged.budget.kv_bytes
    if gain < _LEAST_GAIN:
        return None
    return Remark(
        rule="cold-first-boot",
        reason=f"A first start compiles, which is counted; a later one has {gain / GIB:.2f} GiB more for the KV cache.",
        hint="Keep VLLM_CACHE_ROOT on a volume, and start a second time.",
    )


def _checkpoint(judged: Judged) -> Remark | None:
    spec = judged.spec
    if not judged.fits or _nothing_to_hold(spec) or not needs_quantized_checkpoint(spec):
        return None
    return Remark(
        rule="quantized-checkpoint",
        reason=f"{spec.engine.name} does not make {spec.quantization.name} itself.",
        hint=f"Serve a checkpoint of {spec.model.name} that is published in it.",
    )


def _nothing_to_hold(spec: Spec) -> bool:
    return spec.quantization.name == "mxfp4" and spec.model.moe is None


def _no_experts(judged: Judged) -> Remark | None:
    spec = judged.spec
    if not _nothing_to_hold(spec):
        return None
    return Remark(
        rule="no-experts",
        reason=f"mxfp4 holds experts only, and {spec.model.name} has none: its weights stay 16-bit.",
        hint="Use another quantization.",
    )


def _unread_version(judged: Judged) -> Remark | None:
    """Constants of the nearest version are taken; outside of those seen, nobody knows how far they hold."""
    engine = judged.spec.engine
    oldest, newest = _LOGS_READ
    version = parse_version(engine.version).release[:2]
    if engine.name != "vllm" or oldest <= version <= newest:
        return None
    return Remark(
        rule="unread-version",
        reason=f"No start of vLLM {engine.version} was read: the memory of {engine.regime} is assumed.",
        hint="Compare with a real start: signalbox check-boot.",
    )


def _estimated(judged: Judged) -> Remark | None:
    gpu = judged.spec.gpu
    if not gpu.total_is_estimated:
        return None
    return Remark(
        rule="total-estimated",
        reason=f"No reading of what CUDA shows on a {gpu.name} was found: {gpu.total_gib} GiB is estimated.",
        hint="Compare with torch.cuda.mem_get_info() on the machine.",
    )


def _uncertain(judged: Judged) -> Remark | None:
    model = judged.spec.model
    if not model.uncertainty:
        return None
    return Remark(
        rule="unknown-architecture",
        reason=f"The architecture {model.family!r} is not known: its size may be off by {model.uncertainty:.0%}.",
        hint="Leave that much room, or calibrate with the log of a first boot.",
    )


_RULES: tuple[Callable[[Judged], Remark | None], ...] = (
    _waiting,
    _cast,
    _tied_head,
    _cold,
    _checkpoint,
    _no_experts,
    _unread_version,
    _estimated,
    _uncertain,
)
