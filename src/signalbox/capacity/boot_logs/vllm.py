"""vLLM's boot log: fields of one boot, by rank."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from signalbox.capacity.boot_logs import patterns
from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.fields import Values, first_match, match_fields
from signalbox.capacity.units import GIB

_TOKENS_PER_BLOCK = 16  # vLLM's default block size
_RANK = re.compile(r"\((?:Vllm)?Worker[^)]*\)")


class VllmLog:
    """Collects the fields of one boot by rank; a new boot discards the previous one."""

    def __init__(self) -> None:
        self.ranks: dict[str, dict[str, Any]] = defaultdict(dict)  # field → rank → value
        self.settings: Values = {}
        self.error: str | None = None
        self.boots = 0
        self.ready = False

    def read(self, line: str) -> None:
        if patterns.VLLM_ARGUMENTS_BEGIN.search(line):
            self.settings = match_fields(patterns.VLLM_ARGUMENTS, line)
        if begins := patterns.VLLM_BEGINS.search(line):
            self._begin()
            self.settings |= match_fields(patterns.VLLM_CONFIG, line) | begins.groupdict()
            return
        self.ready = self.ready or patterns.VLLM_READY.search(line) is not None
        if self.ready:
            return
        rank = _RANK.search(line)
        for field, value in match_fields(patterns.VLLM, line).items():
            by_rank, who = self.ranks[field], rank.group() if rank else ""
            # One compiled graph makes a cold start, even if others are loaded from the cache.
            by_rank[who] = value or by_rank.get(who, False) if field == "cold" else value
        self.error = self.error or first_match(patterns.VLLM_ERRORS, line)

    def _begin(self) -> None:
        """Discard the previous boot. Several engines of one boot (data parallel) begin before any loads weights."""
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
            notes.append(f"the log has {self.boots} boots; this is the last one")
        return _complete(self.settings | values, self.error, notes)


def _joined(ranks: dict[str, dict[str, Any]]) -> tuple[Values, list[str]]:
    """One value a field: of several ranks the smallest cache and the largest of everything else."""
    values: Values = {}
    notes: list[str] = []
    for field, by_rank in ranks.items():
        ranked = list(by_rank.values())
        smallest = field in ("kv_bytes", "kv_tokens", "kv_blocks", "max_concurrency", "total_bytes")
        values[field] = ranked[-1] if isinstance(ranked[-1], str) else (min if smallest else max)(ranked)
        if field.endswith("_bytes") and len(set(ranked)) > 1:
            low, high = (f"{extreme(ranked) / GIB:.2f}" for extreme in (min, max))
            which = "smallest" if smallest else "largest"
            notes.append(f"{field[:-6]}: {len(ranked)} ranks, {low}–{high} GiB; the {which} is used")
    return values, notes


def _complete(values: Values, error: str | None, notes: list[str]) -> MeasuredBoot:
    """Derive what a version prints in another form."""
    blocks, peak = values.pop("kv_blocks", None), values.pop("peak_bytes", None)
    if blocks is not None and "kv_tokens" not in values:
        values["kv_tokens"] = blocks * _TOKENS_PER_BLOCK
        notes.append(f"tokens: {blocks} blocks of {_TOKENS_PER_BLOCK}")
    if (size := values.pop("kv_option_bytes", None)) is not None:
        values |= {"kv_bytes": size, "kv_is_option": True}
        notes.append("the cache's size was an option: the other terms do not follow from it")
    if peak is not None and "activation_bytes" not in values:
        # This form counts the graph estimate as activation; the debug form does not.
        values["activation_bytes"] = peak - values.get("graphs_estimate_bytes", 0)
    if {"consumed_bytes", "weights_bytes"} <= values.keys() and "non_torch_bytes" not in values:
        values["non_torch_bytes"] = values["consumed_bytes"] - values["weights_bytes"]
    if "gpu" in values:
        values["gpu"] = values["gpu"].replace("_", " ")
    return MeasuredBoot(engine="vllm", error=error, notes=tuple(notes), **values)
