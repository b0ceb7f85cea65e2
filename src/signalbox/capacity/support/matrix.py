"""The matrix of what runs where: quantization by generation of GPU for each engine, from data/support.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import Spec

Level = Literal["refusal", "warning"]
OK = "ok"


@dataclass(frozen=True)
class Finding:
    """A rule that a set-up breaks (refusal), or what its owner should know (warning). `hint` may be empty."""

    level: Level
    rule: str
    reason: str
    hint: str


@dataclass(frozen=True)
class Verdict:
    """What a cell of the matrix says, with words in braces to fill in."""

    rule: str
    level: Level
    reason: str
    hint: str
    source: str
    forceable: bool = False
    since: str | None = None  # the version it begins with; an older one has the verdict `before`
    before: str | None = None


@dataclass(frozen=True)
class Support:
    """The tables of data/support.yaml."""

    generations: tuple[tuple[str, float], ...]
    verdicts: Mapping[str, Verdict]
    matrix: Mapping[str, Mapping[str, tuple[str, ...]]]
    instead: Mapping[str, tuple[str, ...]]
    same_checkpoint: tuple[frozenset[str], ...]
    while_loading: Mapping[str, tuple[str, ...]]
    group_size: Mapping[str, int]
    not_in_float16: frozenset[str]
    kv_dtypes: Mapping[str, tuple[str, ...]]

    def generation(self, capability: float) -> int:
        """Index of the generation of a compute capability; older than the first counts as the first."""
        return max((i for i, (_, since) in enumerate(self.generations) if since <= capability), default=0)

    def row(self, engine: str, quantization: str) -> tuple[str, ...] | None:
        """The row of a quantization, or of its family (gguf-q4_k_m: gguf); None when the engine has none."""
        rows = self.matrix[engine]
        return rows.get(quantization) or rows.get(quantization.split("-", maxsplit=1)[0])

    def cell(self, engine: str, quantization: str, capability: float) -> str:
        """The id of the verdict, or "ok"."""
        row = self.row(engine, quantization)
        return "engine-quantization" if row is None else row[self.generation(capability)]


@cache
def load() -> Support:
    """The package's tables, read once: they never change."""
    data = read("support.yaml")
    return Support(
        generations=tuple((row["name"], float(row["since"])) for row in data["generations"]),
        verdicts={rule: Verdict(rule=rule, **row) for rule, row in data["verdicts"].items()},
        matrix={e: {q: tuple(cells) for q, cells in rows.items()} for e, rows in data["matrix"].items()},
        instead={name: tuple(names) for name, names in data["instead"].items()},
        same_checkpoint=tuple(frozenset(names) for names in data["same_checkpoint"]),
        while_loading={name: tuple(names) for name, names in data["while_loading"].items()},
        group_size=data["group_size"],
        not_in_float16=frozenset(data["not_in_float16"]),
        kv_dtypes={name: tuple(names) for name, names in data["kv_dtypes"].items()},
    )


def cell_finding(spec: Spec) -> Finding | None:
    """The cell of engine, quantization and generation."""
    tables = load()
    verdict = _verdict(spec, tables)
    if verdict is None:
        return None
    words = {
        "gpu": spec.gpu.name,
        "capability": f"{spec.gpu.compute_capability:.1f}",
        "quantization": spec.quantization.name,
        "engine": spec.engine.name,
        "version": spec.engine.version,
        "instead": _instead(spec, tables),
    }
    return Finding(verdict.level, verdict.rule, verdict.reason.format(**words), verdict.hint.format(**words))


def _verdict(spec: Spec, tables: Support) -> Verdict | None:
    engine = spec.engine
    rule: str | None = tables.cell(engine.name, spec.quantization.name, spec.gpu.compute_capability)
    while rule not in (None, OK):
        verdict = tables.verdicts[str(rule)]
        if verdict.since is None or _numbers(engine.version) >= _numbers(verdict.since):
            return verdict
        rule = verdict.before
    return None


def _instead(spec: Spec, tables: Support) -> str:
    """The first of the substitutes that runs on this GPU with this engine; else one that another engine runs."""
    name = spec.quantization.name
    names = tables.instead.get(name) or tables.instead.get(name.split("-")[0], ())
    for engine in (spec.engine.name, "vllm", "llamacpp"):
        for other in names:
            cell = tables.cell(engine, other, spec.gpu.compute_capability)
            if cell == OK or tables.verdicts[cell].level == "warning":
                return other if engine == spec.engine.name else f"{other} with engine {engine}"
    return f"{name} with engine llamacpp" if name.startswith("gguf") else "of fewer bits, or another GPU"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def written(engine: str, quantization: str, generation: int) -> str | dict[str, str]:
    """A cell for templates, which know no GPU: it speaks of the generation."""
    tables = load()
    name, since = tables.generations[generation]
    rule = tables.cell(engine, quantization, since)
    if rule == OK:
        return OK
    verdict = tables.verdicts[rule]
    names = tables.instead.get(quantization, ())
    working = (other for other in names if tables.cell(engine, other, since) == OK)
    words = {
        "gpu": f"a {name} GPU",
        "capability": f"{since:.1f}",
        "quantization": quantization,
        "engine": engine,
        "version": "as shipped",
        "instead": next(working, "of fewer bits"),
    }
    return {
        "level": verdict.level,
        "rule": rule,
        "reason": verdict.reason.format(**words),
        "hint": verdict.hint.format(**words),
    }
