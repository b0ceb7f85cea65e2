"""The planner's prediction for each measured case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.datafile import read_rows
from signalbox.capacity.memory import kv_cache
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.memory.weights import checkpoint_bytes, stages
from signalbox.capacity.models import catalogue as catalogue_module
from signalbox.capacity.planner.evaluate import evaluate_spec
from signalbox.capacity.units import GIB
from tools.capacity import DATA
from tools.capacity.case_rows import Row, row_of
from tools.capacity.case_specs import Case, LeftOut, case_of

_OWN_FILES = ("cases.jsonl", "boots-vllm-0.24.0.jsonl")
_TABLE_TOKENS = 2049
_CONTEXT_BYTES = GIB // 2  # CUDA context of a process that is no server


@dataclass(frozen=True)
class CaseResult:
    """A case with the planner's answer. `budget` is None for rows of Transformers, which has no budget."""

    case: Case
    budget: Budget | None
    fits: bool
    reason: str
    training: bool
    total_bytes: int  # weights and cache on all GPUs

    def gib(self, name: TermName) -> float | None:
        """A term of the budget in GiB."""
        term = self.budget.term(name) if self.budget else None
        return term.bytes / GIB if term else None


def predict_cases(rows: Iterable[Row]) -> tuple[list[CaseResult], list[LeftOut]]:
    """The result of every row, and the rows that are left out."""
    catalogue = catalogue_module.load()
    training = load_constants().training
    results: list[CaseResult] = []
    left_out: list[LeftOut] = []
    own_ids = {_signature(row): row["id"] for row in own_rows()}
    for row in rows:
        # A row of the package is recognized by what it measured: no training row counts as a test in another file.
        with_id = {**row, "id": row.get("id") or own_ids.get(_signature(row))}
        for case in case_of(with_id, catalogue):
            if isinstance(case, LeftOut):
                left_out.append(case)
            else:
                results.append(_predict(case, training))
    return results, left_out


def own_rows() -> list[Row]:
    """The repository's cases: published ones, and the project's own boots."""
    return [row_of(row, name) for name in _OWN_FILES for row in read_rows(DATA / name)]


def _signature(row: Row) -> tuple[str, ...]:
    fields = (
        *("tp", "pp", "max_model_len", "dtype", "weights_gib", "kv_gib", "kv_tokens", "gpus", "quant"),
        "precision",
    )
    numbers = (str(row.get(field) or "").replace("None", "") for field in fields)
    return (str(row["model"]), *(n.removesuffix(".0") for n in numbers))


def _predict(case: Case, training: Sequence[str]) -> CaseResult:
    in_training = any(case.id.startswith(start) for start in training)
    if case.engine == "transformers":
        return _predict_transformers(case, training=in_training)
    evaluation = evaluate_spec(case.spec)
    memory, violations = evaluation.budget, evaluation.violations
    total = sum(term.bytes for term in memory.terms if term.name != "reserve")
    reason = violations[0].reason if violations else memory.reason
    return CaseResult(case, memory, evaluation.fits, reason, in_training, total)


def _predict_transformers(case: Case, *, training: bool) -> CaseResult:
    """Weights in layers over the GPUs, the cache and the logits of one request, and the CUDA context on each."""
    spec = case.spec
    weights = checkpoint_bytes(spec.model, spec.quantization)
    is_table = case.set.startswith("Qwen")  # a prompt of one token and an answer of 2048
    tokens = _TABLE_TOKENS if is_table else spec.context
    cache = round(kv_cache.bytes_per_token(replace(spec, tensor_parallel=1)) * tokens)
    widest = max(stage.share for stage in stages(spec.model.layers, case.gpus))
    # The library computes the logits of the whole prompt, in 16 bit and again in 32.
    logits = spec.context * spec.model.vocab * 6
    fullest = round((weights + cache) * widest) + logits + _CONTEXT_BYTES
    reason = f"{fullest / GIB:.2f} GiB on the fullest of {case.gpus} GPU(s), of {spec.gpu.total_gib}"
    return CaseResult(case, None, fullest <= spec.gpu.total_bytes, reason, training, weights + cache)
