"""Predicted against measured, case by case: `python -m tools.capacity.cases [FILES]`.

Without files the package's own cases are judged, and docs/reference/capacity-cases.md is written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.datafile import read_rows
from signalbox.capacity.memory import budget, kv_cache
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.memory.weights import checkpoint_bytes, stages
from signalbox.capacity.models import catalogue
from signalbox.capacity.support.check import check
from signalbox.capacity.units import GIB
from tools.capacity import DATA
from tools.capacity.case_report import report
from tools.capacity.case_rows import Case, LeftOut, Row, case_of, read, row_of

PAGE = Path("docs/reference/capacity-cases.md")
_OWN_FILES = ("cases.jsonl", "boots-vllm-0.24.0.jsonl")
_TABLE_TOKENS = 2049
_CONTEXT_BYTES = GIB // 2  # CUDA context of a process that is no server


@dataclass(frozen=True)
class Judged:
    """A case with the planner's answer. `budget` is None for rows of Transformers, which has no budget."""

    case: Case
    budget: Budget | None
    fits: bool
    reason: str
    training: bool
    held_bytes: int  # weights and cache on all GPUs

    def gib(self, name: TermName) -> float | None:
        """A term of the budget in GiB."""
        term = self.budget.term(name) if self.budget else None
        return term.bytes / GIB if term else None


def judge(rows: Iterable[Row]) -> tuple[list[Judged], list[LeftOut]]:
    """Every row through the planner; and the rows that are left out."""
    known = catalogue.load()
    training = load_constants().training
    judged: list[Judged] = []
    left: list[LeftOut] = []
    own = {_signature(row): row["id"] for row in own_rows()}
    for row in rows:
        # A row of the package is known by what it measured: no training row passes as a test in another file.
        named = {**row, "id": row.get("id") or own.get(_signature(row))}
        for found in case_of(named, known):
            if isinstance(found, LeftOut):
                left.append(found)
            else:
                judged.append(_judge(found, training))
    return judged, left


def _signature(row: Row) -> tuple[str, ...]:
    fields = (
        "tp",
        "pp",
        "max_model_len",
        "dtype",
        "weights_gib",
        "kv_gib",
        "kv_tokens",
        "gpus",
        "quant",
        "precision",
    )
    numbers = (str(row.get(field) or "").replace("None", "") for field in fields)
    return (str(row["model"]), *(n.removesuffix(".0") for n in numbers))


def _judge(case: Case, training: Sequence[str]) -> Judged:
    taught = any(case.id.startswith(start) for start in training)
    if case.engine == "transformers":
        return _transformers(case, taught)
    found = budget(case.spec)
    refusals = [finding for finding in check(case.spec) if finding.level == "unsupported"]
    held = sum(term.bytes for term in found.terms if term.name != "reserve")
    reason = refusals[0].reason if refusals else found.reason
    return Judged(case, found, found.fits and not refusals, reason, taught, held)


def _transformers(case: Case, taught: bool) -> Judged:
    """Weights in layers over the GPUs, the cache and the logits of one request, and the CUDA context on each."""
    spec = case.spec
    weights = checkpoint_bytes(spec.model, spec.quantization)
    table = case.set.startswith("Qwen")  # a prompt of one token and an answer of 2048
    tokens = _TABLE_TOKENS if table else spec.context
    cache = round(kv_cache.bytes_per_token(replace(spec, tensor_parallel=1)) * tokens)
    widest = max(stage.share for stage in stages(spec.model.layers, case.gpus))
    # The library computes the logits of the whole prompt, in 16 bit and again in 32.
    logits = spec.context * spec.model.vocab * 6
    taken = round((weights + cache) * widest) + logits + _CONTEXT_BYTES
    words = f"{taken / GIB:.2f} GiB on the fullest of {case.gpus} GPU(s), of {spec.gpu.total_gib}"
    return Judged(case, None, taken <= spec.gpu.total_bytes, words, taught, weights + cache)


def own_rows() -> list[Row]:
    """The package's cases: published ones, and the project's own boots."""
    return [row_of(row, name) for name in _OWN_FILES for row in read_rows(DATA / name)]


def page() -> str:
    """docs/reference/capacity-cases.md."""
    return report(*judge(own_rows()))


def main(arguments: Sequence[str]) -> None:
    """Print the report; write the page when the package's own cases were judged."""
    text = report(*judge(read(Path(a) for a in arguments))) if arguments else page()
    if not arguments:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
