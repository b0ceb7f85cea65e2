"""All support rules, in the order in which their findings are reported."""

from __future__ import annotations

from collections.abc import Callable

from signalbox.capacity.spec import Spec
from signalbox.capacity.support import engines, parallelism, precision, vendors
from signalbox.capacity.support.matrix import Finding, Support, cell_finding

Rule = Callable[[Spec, Support], Finding | None]
# Rules by compute capability: they say nothing about a device without one.
BY_CAPABILITY: frozenset[Rule] = frozenset(
    {
        cell_finding,
        precision.bfloat16,
        precision.float16,
        precision.half_precision_kernels,
        engines.attention_sinks,
        engines.windows_on_turing,
        engines.arm,
        precision.fp8_experts,
    }
)
RULES: tuple[Rule, ...] = (
    vendors.uncovered,
    cell_finding,
    precision.bfloat16,
    precision.float16,
    precision.half_precision_kernels,
    engines.attention_sinks,
    engines.windows_on_turing,
    engines.arm,
    precision.cache_dtype,
    precision.checkpoint,
    engines.context,
    engines.tgi_prefill,
    parallelism.tensor_parallel,
    parallelism.quantization_groups,
    parallelism.pipeline_parallel,
    parallelism.slices,
    parallelism.bitsandbytes,
    precision.fp8_experts,
    engines.assumed_memory,
)
