"""The report of predicted against measured as a Markdown page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean

from signalbox.capacity.units import GIB, MIB, parse_version
from tools.capacity.case_results import CaseResult
from tools.capacity.case_specs import LeftOut
from tools.docs import HEADER

_GB = 10**9
# Versions from (included) to (excluded).
_REGIMES: tuple[tuple[str, tuple[int, int], tuple[int, int]], ...] = (
    ("vLLM up to 0.16", (0, 0), (0, 17)),
    ("vLLM 0.17 to 0.20", (0, 17), (0, 21)),
    ("vLLM 0.24", (0, 21), (0, 25)),
    ("vLLM after 0.24", (0, 25), (9, 0)),
)


def report(results: Sequence[CaseResult], left_out: Sequence[LeftOut]) -> str:
    """The page: summary, boots of vLLM, verdicts, tables of weights and cache, rows that are left out."""
    boots = [row for row in results if row.case.engine == "vllm" and kv_error(row) is not None]
    verdicts = [row for row in results if isinstance(row.case.measured.get("fits"), bool)]
    totals = [row for row in results if measured_total(row) is not None]
    parts = [
        HEADER + "# Planner against measured memory",
        "",
        "Predicted by `signalbox.capacity.memory.budget` from model, GPU and settings alone; measured by the",
        "engines' logs and published tables (sources in `tools/capacity/data/cases.jsonl`).",
        "To write this page: `python -m tools.capacity.cases`; to compare other files, add their paths.",
        "",
        "`training`: a constant of `data/constants.yaml` was read from this row. All others are tests. The memory of the sampler",
        "and the layers follows from the engine's source (which tensors exist at the same time) and was checked on all rows",
        "while the planner was written; no coefficient was fitted to a test row.",
        "Errors are (predicted - measured) / measured. A boot whose limits of sequences and tokens are not stated depends on a",
        "guess, and is never counted as evidence.",
        "",
        *_summary(boots, verdicts, totals),
        *_boots(boots),
        *_verdicts(verdicts),
        *_totals(totals),
        *_left_out(left_out),
    ]
    return "\n".join(parts) + "\n"


def held_out(results: Sequence[CaseResult]) -> str:
    """Errors on the boots that no constant was read from and whose limits are stated, and what they were measured on."""
    rows = [row for row in results if row.case.stated and not row.training and kv_error(row) is not None]
    lines = [
        "KV cache of vLLM, predicted against measured; boots that no constant was read from, with stated limits",
        "",
    ]
    for version in sorted({_version(row) for row in rows}):
        mine = [row for row in rows if _version(row) == version]
        errors = [abs(kv_error(row) or 0.0) for row in mine]
        lines += [
            f"vLLM {'.'.join(map(str, version))}: {len(mine)} boots, mean error {fmean(errors):.2%}, largest {max(errors):.2%}",
            f"  GPUs: {_names(row.case.spec.gpu.product for row in mine)}",
            f"  models: {_names(row.case.spec.model.name.rsplit('/', maxsplit=1)[-1] for row in mine)}",
            f"  quantizations: {_names(row.case.spec.quantization.name for row in mine)}",
        ]
    open_limits = sum(1 for row in results if not row.case.stated and kv_error(row) is not None)
    return "\n".join([*lines, "", f"not counted: {open_limits} boots whose limits are not stated"]) + "\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def kv_error(row: CaseResult) -> float | None:
    """Relative error of the cache: its tokens where the log has them, else its size."""
    measured, memory = row.case.measured, row.budget
    if memory is None or row.case.engine != "vllm":
        return None
    tokens = measured.get("kv_tokens")
    if isinstance(tokens, int | float) and tokens > 0:
        return memory.kv_tokens / tokens - 1
    size = measured.get("kv_gib")
    return memory.kv_bytes / GIB / size - 1 if isinstance(size, int | float) and size > 0 else None


def measured_total(row: CaseResult) -> float | None:
    """Bytes of weights and cache that a table reports: Transformers' tables, llama.cpp's VRAM."""
    measured = row.case.measured
    if row.case.engine == "transformers":
        if "memory_mib" in measured:
            return float(measured["memory_mib"]) * MIB
        return float(measured["memory_gb"]) * GIB if "memory_gb" in measured else None
    return float(measured["vram_gb"]) * _GB if isinstance(measured.get("vram_gb"), int | float) else None


def _version(row: CaseResult) -> tuple[int, ...]:
    return parse_version(row.case.spec.engine.version).release[:2]


def _summary(
    boots: Sequence[CaseResult], verdicts: Sequence[CaseResult], totals: Sequence[CaseResult]
) -> list[str]:
    lines = [
        "## Summary",
        "",
        "| what | split | cases | mean absolute error | largest |",
        "|---|---|---|---|---|",
    ]
    for name, first, end in _REGIMES:
        mine = [row for row in boots if row.case.stated and first <= _version(row) < end]
        for split in (False, True):
            errors = [abs(kv_error(row) or 0.0) for row in mine if row.training is split]
            if errors:
                lines.append(_errors(f"KV cache, {name}", "training" if split else "test", errors))
    open_limits = [abs(kv_error(row) or 0.0) for row in boots if not row.case.stated]
    lines.append(_errors("KV cache, limits not stated", "no evidence", open_limits))
    for engine in ("transformers", "ollama", "llamacpp"):
        errors = [
            abs(row.total_bytes / (measured_total(row) or 1) - 1)
            for row in totals
            if row.case.engine == engine
        ]
        if errors:
            lines.append(_errors(f"weights and cache, {engine}", "test", errors))
    right = sum(row.fits is row.case.measured["fits"] for row in verdicts)
    false_fits = sum(row.fits and not row.case.measured["fits"] for row in verdicts)
    offered = [row for row in verdicts if _not_offered(row)]
    lines += [
        "",
        f"Fits or not: {right} of {len(verdicts)} as published. "
        f'"Fits" where the source says it does not: {false_fits}, of which '
        f"{sum(row.fits for row in offered)} are rows that a vendor does not offer, which is no measurement.",
        "",
    ]
    return lines


def _errors(name: str, split: str, errors: Sequence[float]) -> str:
    mean = fmean(errors) if errors else 0.0
    return f"| {name} | {split} | {len(errors)} | {mean:.2%} | {max(errors, default=0.0):.2%} |"


def _not_offered(row: CaseResult) -> bool:
    return "not offered" in row.case.note


def _boots(rows: Sequence[CaseResult]) -> list[str]:
    lines = [
        "## Boots of vLLM",
        "",
        "GiB of one GPU, predicted / measured. A dash: not in the log. The logs after 0.24 are from public sources",
        "and lack the limits of sequences and tokens per batch, on which activation and graphs depend;",
        "two of the three RTX 5090 starts were cold (1.4 GiB more, for compilation).",
        "",
        "| case | split | weights | activation | other | graphs | KV cache | tokens | requests | error |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_boot(row) for row in sorted(rows, key=lambda row: (_version(row), row.case.id))]
    return [*lines, ""]


def _boot(row: CaseResult) -> str:
    measured, memory = row.case.measured, row.budget
    assert memory is not None  # noqa: S101 - kv_error had one
    graphs = measured.get("cudagraph_est_gib", measured.get("cudagraph_gib"))
    cells = [
        row.case.id,
        "training" if row.training else "test",
        _pair(row.gib("weights"), measured.get("weights_gib")),
        _pair(row.gib("activation"), measured.get("activation_gib")),
        _pair(row.gib("non_torch"), measured.get("non_torch_gib")),
        _pair(row.gib("graphs"), graphs),
        _pair(memory.kv_bytes / GIB, measured.get("kv_gib")),
        _pair(memory.kv_tokens, measured.get("kv_tokens"), "{:.0f}"),
        _pair(memory.max_concurrency, measured.get("max_concurrency")),
        f"{kv_error(row) or 0.0:+.2%}",
    ]
    return "| " + " | ".join(cells) + " |"


def _pair(predicted: float | None, measured: object, form: str = "{:.2f}") -> str:
    left = form.format(predicted) if predicted is not None else "-"
    right = form.format(measured) if isinstance(measured, int | float) else "-"
    return f"{left} / {right}"


def _verdicts(rows: Sequence[CaseResult]) -> list[str]:
    lines = [
        "## Fits or not",
        "",
        "Where a row names no context, 4096 tokens (or the model's maximum) are assumed.",
        "",
        "| case | published | planner | why |",
        "|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row.fits is row.case.measured["fits"], row.case.id)):
        published = "yes" if row.case.measured["fits"] else ("not offered" if _not_offered(row) else "no")
        lines.append(f"| {row.case.id} | {published} | {'yes' if row.fits else 'no'} | {row.reason} |")
    return [*lines, ""]


def _totals(rows: Sequence[CaseResult]) -> list[str]:
    lines = [
        "## Weights and cache that a table reports",
        "",
        "All GPUs together. Transformers' tables count what the process allocated for a prompt of one token and its",
        "answer; small models lack the fixed overhead of the libraries, and AWQ files of Qwen2.5 models with tied",
        "embeddings contain the head a second time.",
        "",
        "| case | predicted GiB | measured GiB | error |",
        "|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row.case.id):
        measured = measured_total(row) or 1.0
        lines.append(
            f"| {row.case.id} | {row.total_bytes / GIB:.2f} | {measured / GIB:.2f} | {row.total_bytes / measured - 1:+.1%} |"
        )
    return [*lines, ""]


def _left_out(rows: Iterable[LeftOut]) -> list[str]:
    rows = list(rows)
    lines = ["## Left out", "", "| reason | cases | of |", "|---|---|---|"]
    for reason, count in Counter(row.reason for row in rows).most_common():
        names = sorted({row.id for row in rows if row.reason == reason})
        examples = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        lines.append(f"| {reason} | {count} | {examples} |")
    return lines
