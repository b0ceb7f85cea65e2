"""The planner's answer as it is printed and published: `signalbox plan --json`, docs/reference/plan.schema.json.

Memory is per GPU (one rank), in GiB of 2**30 bytes, unless a field's name says otherwise.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from signalbox.contracts.record import Contract

Outcome = Literal["fits", "does not fit", "refused"]


class Range(Contract):
    """A range, never a point: what was measured spreads this far."""

    low: float
    high: float


class Remark(Contract):
    """A rule that a set-up breaks (refusal) or that its owner should know of (warning)."""

    rule: str = Field(description="Stable name of the rule.")
    reason: str
    hint: str


class Part(Contract):
    """One term of the memory budget."""

    name: str
    gib: float
    formula: str = Field(description="The formula with its numbers filled in.")
    source: str = Field(description="Where the formula and its constants come from.")


class Combination(Contract):
    """Whether so many requests of so many tokens each are held at once."""

    context: int = Field(description="Tokens of a request, prompt and answer.")
    concurrency: int = Field(description="Requests at once, set as the engine's limit.")
    fits: bool


class Alternative(Contract):
    """A change after which it works."""

    change: str = Field(examples=["quantization fp8"])
    engine: str
    gpu: str
    gpus: int
    quantization: str
    dtype: str
    context: int
    concurrency: int | None
    tensor_parallel: int
    memory_utilization: float | None
    eager: bool
    max_concurrency: float


class Workload(Contract):
    """What a typical request looks like."""

    input_tokens: int
    output_tokens: int
    source: str = Field(description="The task and how its tokens were counted, or the default.")


class Speed(Contract):
    """Expected speed of the whole set-up."""

    requests: int = Field(description="Requests at once that the figures are for.")
    output_tokens_per_second: Range = Field(description="All requests together.")
    request_tokens_per_second: Range = Field(description="One of them.")
    first_token_seconds: Range
    basis: str
    source: str


class Costs(Contract):
    """Energy and money for 1,000 output tokens, the prompts included; what is not known is None."""

    wh_per_1k_tokens: Range | None = Field(description="Watt hours of the GPUs.")
    electricity_per_1k_tokens: Range | None = Field(
        description="Money for electricity, server and cooling included."
    )
    rent_per_1k_tokens: Range | None = Field(
        description="Money for renting the GPUs, when they are never idle."
    )
    currency: str | None
    gpu_hour_price: float | None = Field(description="Of one GPU.")
    source: str


class Plan(Contract):
    """The answer for one set-up."""

    model: str
    gpu: str
    gpus: int = Field(description="GPUs that one copy of the model takes.")
    gpus_left: int = Field(description="GPUs named in the question that stay free: room for replicas.")
    engine: str
    engine_version: str
    regime: str = Field(description="Which measured constants were used.")
    quantization: str
    dtype: str
    kv_dtype: str
    context: int
    concurrency: int | None = Field(description="Limit of requests at once; None is the engine's default.")
    batched_tokens: int | None
    tensor_parallel: int
    pipeline_parallel: int
    memory_utilization: float
    eager: bool

    verdict: Outcome
    fits: bool = Field(
        description="The engine starts: no rule refuses, and one request of full context is held."
    )
    reason: str
    alternatives: tuple[Alternative, ...] = Field(
        description="Changes after which it works, the smallest first."
    )

    total_gib: float = Field(description="What CUDA shows.")
    usable_gib: float = Field(description="What the engine allows itself.")
    weights_gib: float
    activation_gib: float
    graphs_gib: float
    non_torch_gib: float
    reserve_gib: float = Field(description="Left to others: what the engine does not take.")
    kv_gib: float = Field(description="For the KV cache; negative is what is lacking.")
    kv_bytes_per_token: float
    kv_tokens: int
    max_concurrency: float = Field(description="Requests of the full context held at once.")
    parts: tuple[Part, ...]
    combinations: tuple[Combination, ...] = Field(description="Empty where a rule refuses.")

    workload: Workload
    speed: Speed | None
    costs: Costs | None
    refusals: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    program: tuple[str, ...] = Field(
        description="What the engine's image starts; empty where it starts itself."
    )
    flags: tuple[str, ...] = Field(description="Arguments of the program, one word each.")
    environment: dict[str, str]
    notes: tuple[str, ...] = Field(description="What was decided for the asker, and why.")

    @property
    def nearest(self) -> Alternative | None:
        """The smallest change after which it works."""
        return self.alternatives[0] if self.alternatives else None
