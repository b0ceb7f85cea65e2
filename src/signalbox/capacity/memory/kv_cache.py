"""The KV cache: blocks, pages, groups of layers, and the figures of them in the engine's log.

The arithmetic is vLLM's own. Layers of one kind share a block table; kinds are split into groups of equally many
layers, all groups draw blocks from one pool, and a block has the same size for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from signalbox.capacity.memory.speculative import cached_groups
from signalbox.capacity.spec import KvGroup, Spec
from signalbox.capacity.units import ceil_div
from signalbox.errors import InputError

BLOCK_TOKENS = 16
# Kinds whose numbers of layers differ by less share the larger number: padding is cheaper.
_ALMOST_EQUAL = 1.5
_DTYPE_BYTES: dict[str, float] = {
    "auto": 2,
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "fp16": 2,
    "bf16": 2,
    "fp8": 1,
    "fp8_e4m3": 1,
    "fp8_e5m2": 1,
    "int8_per_token_head": 1,
    "fp8_per_token_head": 1,
    "int4_per_token_head": 0.5,
    "nvfp4": 0.5625,
}
_MLA_FP8_BYTES = 656  # fp8_ds_mla: 512 numbers of 1 byte, 4 scales of 4, 64 rotary numbers of 2


@dataclass(frozen=True)
class Pool:
    """A pool of blocks shared by groups of layers."""

    group_layers: int
    groups: tuple[KvGroup, ...]
    page_bytes: int  # of one block in one layer
    block_tokens: tuple[int, ...]  # of each group
    state_blocks: int = 1  # that a request holds in a group of state layers

    @property
    def block_bytes(self) -> int:
        """Bytes of one block in all layers of a group."""
        return self.page_bytes * self.group_layers

    def blocks(self, available_bytes: float) -> int:
        return max(0, int(available_bytes) // self.page_bytes // self.group_layers)

    def request_blocks(self, context: int, batched_tokens: int) -> int:
        """Blocks that one request of the full context holds at most."""
        return sum(
            self.state_blocks
            if group.kind == "state"
            else _group_blocks(group, tokens, context, batched_tokens)
            for group, tokens in zip(self.groups, self.block_tokens, strict=True)
        )


def element_bytes(kv_dtype: str, dtype: str = "bfloat16") -> float:
    """Bytes of one number of the cache; "auto" is the model's dtype. An unknown type is an InputError."""
    name = dtype if kv_dtype == "auto" else kv_dtype
    if name not in _DTYPE_BYTES:
        raise InputError("kv dtype", kv_dtype, f"Use one of {', '.join(sorted(_DTYPE_BYTES))}.")
    return _DTYPE_BYTES[name]


def token_bytes(group: KvGroup, tensor_parallel: int, number_bytes: float) -> float:
    """Bytes of one token in one layer on one rank. KV heads are copied when there are more ranks than heads."""
    if group.kind == "state":
        return 0.0
    if group.kind == "mla":
        return (_MLA_FP8_BYTES if number_bytes == 1 else group.key_dim * number_bytes) + group.index_bytes
    heads = max(1, ceil_div(group.kv_heads, tensor_parallel))
    return heads * (group.key_dim + group.value_dim) * number_bytes


def bytes_per_token(spec: Spec, layers_share: float = 1.0) -> float:
    """Bytes of one token in all layers of a rank, windows left aside."""
    size = element_bytes(spec.kv_dtype, spec.dtype)
    return layers_share * sum(
        group.layers * token_bytes(group, spec.tensor_parallel, size) for group in cached_groups(spec)
    )


def pool(
    spec: Spec, layers_share: float = 1.0, *, chunks_are_full: bool = False, state_blocks: int = 1
) -> Pool:
    """The pool of one pipeline stage that holds `layers_share` of the layers.

    With prefix caching a request holds two states, the last one and that of a block's end (`MambaSpec`,
    v1/kv_cache_interface.py); `state_blocks` is the default of the engine's version.
    """
    if spec.prefix_caching is not None:
        state_blocks = 2 if spec.prefix_caching else 1
    groups = cached_groups(spec)
    if chunks_are_full:
        groups = _as_full(groups)
    size = element_bytes(spec.kv_dtype, spec.dtype)
    if len(groups) > 1 and all(group.kind == "full" for group in groups):
        return _joined(groups, spec.tensor_parallel, size, layers_share)
    counts = [group.layers for group in groups]
    per_group = min(counts)
    if max(counts) < per_group * _ALMOST_EQUAL:
        per_group = max(counts)
    tokens, page = _unified(groups, spec.tensor_parallel, size)
    spread = [
        (replace(group, layers=per_group), n)
        for group, n in zip(groups, tokens, strict=True)
        for _ in range(ceil_div(group.layers, per_group))
    ]
    return Pool(
        group_layers=max(1, ceil_div(round(per_group * layers_share * 1000), 1000)),
        groups=tuple(group for group, _ in spread),
        page_bytes=page,
        block_tokens=tuple(n for _, n in spread),
        state_blocks=state_blocks,
    )


def _joined(groups: tuple[KvGroup, ...], tp: int, size: float, layers_share: float) -> Pool:
    """Layers that keep every token share one table of blocks, whatever their heads (UniformTypeKVCacheSpecs): a draft's too."""
    page = sum(group.layers * int(token_bytes(group, tp, size) * BLOCK_TOKENS) for group in groups)
    return Pool(1, (groups[0],), round(page * layers_share), (BLOCK_TOKENS,))


def capacity(pool_: Pool, blocks: int, context: int, batched_tokens: int) -> float:
    """Concurrent requests of the full context that fit: the log's "maximum concurrency"."""
    return blocks / pool_.request_blocks(context, batched_tokens)


def logged_tokens(pool_: Pool, blocks: int, context: int, concurrency: float, *, by_concurrency: bool) -> int:
    """The log's "GPU KV cache size" in tokens.

    Up to 0.20 it is the blocks of one group; since 0.21 the concurrency times the context, so that windows count.
    """
    if by_concurrency:
        return int(concurrency * context)
    cached = [n for group, n in zip(pool_.groups, pool_.block_tokens, strict=True) if group.kind != "state"]
    return blocks // len(pool_.groups) * min(cached or [BLOCK_TOKENS])


def _as_full(groups: tuple[KvGroup, ...]) -> tuple[KvGroup, ...]:
    """Without the hybrid manager, chunked layers keep every token: one kind of layer is left."""
    if not any(group.kind == "chunked" for group in groups):
        return groups
    layers = sum(group.layers for group in groups)
    return (replace(groups[0], kind="full", window=None, layers=layers),)


def _unified(groups: tuple[KvGroup, ...], tp: int, size: float) -> tuple[list[int], int]:
    """Tokens of a block by group, and the page that all share.

    A smaller page gets more tokens until it equals the largest; state layers hold one state a block, and the
    attention's block grows until its page covers it.
    """
    rates = [token_bytes(group, tp, size) for group in groups]
    state = max((ceil_div(group.state_bytes, tp) for group in groups if group.kind == "state"), default=0)
    largest = max(rates)
    tokens = BLOCK_TOKENS
    if state:
        tokens = max(tokens, ceil_div(state, int(largest * BLOCK_TOKENS)) * BLOCK_TOKENS)
    page = int(largest * tokens)
    return [
        tokens if not rate or rate == largest else _more_tokens(page, rate, tokens) for rate in rates
    ], page


def _more_tokens(page: int, rate: float, tokens: int) -> int:
    own = int(rate * tokens)
    return tokens * (page // own) if page % own == 0 else tokens


def _group_blocks(group: KvGroup, block: int, context: int, batched_tokens: int) -> int:
    if group.kind == "sliding" and group.window:
        return ceil_div(min(group.window - 1 + batched_tokens, context), block) + 1
    if group.kind == "chunked" and group.window:
        return ceil_div(min(group.window + batched_tokens, context), block)
    return ceil_div(context, block)
