"""Rows that no planner can answer, with the reason: rules of thumb, training, missing versions."""

from __future__ import annotations

import re

from tools.capacity.case_rows import Row

_H100_GIB = 79.19  # what CUDA reports
_ROUNDING = 0.01

# Field, pattern in it, and reason.
_UNANSWERABLE: tuple[tuple[str, str, str], ...] = (
    ("error", r"Free memory on device", "another process used the GPU: not a matter of capacity"),
    ("model", r"train", "training, not serving"),
    ("note", r"405B row assumes", ""),
    ("fits", r"OOM with graphs", "no setting of context, utilization or version is given"),
    ("note", r"takes 67 GB", "says only that the cache is allocated in advance"),
    ("gpu", r"TP4\+EP", "experts spread over data-parallel ranks: not planned"),
    ("model", r"DP\+EP|multimodal checkpoint|MTP", "the model is not named or not in the catalogue"),
    ("gpu", r"Intel|sm103|24GB class", "the GPU is not named or not in the catalogue"),
    ("engine", r"XPU", "not an NVIDIA GPU"),
)


def exclusion(row: Row) -> str | None:
    """The reason to leave a row out; None for a case."""
    for field, pattern, reason in _UNANSWERABLE:
        if reason and re.search(pattern, str(row.get(field) or "")):
            return reason
    has_memory = any(
        row.get(k) is not None for k in ("fits", "kv_gib", "kv_tokens", "weights_gib", "vram_gb")
    )
    table = row["set"].startswith("Qwen")
    if not has_memory and not table:
        return "has rules of thumb, no measurement"
    if table and (row.get("input_len") != 1 or not str(row.get("engine")).startswith("Transformer")):
        return "a throughput row, or one whose memory includes the logits of a long prompt"
    if row["set"].startswith("public logs") and not row.get("engine") and row.get("fits") is not False:
        return "the engine's version is not given"
    if (contradiction := _own_sum(row, has_memory)) is not None:
        return contradiction
    if row.get("engine") and "T4" in str(row.get("gpu")) and not row.get("gmu"):
        return "the memory utilization is not given"
    return None


def _own_sum(row: Row, has_memory: bool) -> str | None:
    """A row whose own terms do not add up to its own budget has a setting that differs from the one it ran with."""
    terms = [row.get(f"{term}_gib") for term in ("weights", "activation", "non_torch", "kv")]
    share, gpu = row.get("gmu"), str(row.get("gpu") or "")
    if not has_memory or not share or any(term is None for term in terms) or "H100" not in gpu:
        return None
    total, budget = sum(float(term or 0.0) for term in terms), float(share) * _H100_GIB
    if abs(total / budget - 1) <= _ROUNDING:
        return None
    return f"its own terms add up to {total:.2f} GiB, not to its budget of {budget:.2f}"
