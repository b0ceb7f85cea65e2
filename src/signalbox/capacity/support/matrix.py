"""The support matrix: quantization by generation of GPU for each engine, from data/support.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from packaging.version import Version

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import parse_version

Level = Literal["unsupported", "warning"]
OK = "ok"


@dataclass(frozen=True)
class Finding:
    """A rule that a configuration violates (unsupported), or that its owner should know of (warning).

    `unproven`: nobody has shown that it works, nor that it fails. `hint` may be empty.
    """

    level: Level
    rule: str
    reason: str
    hint: str
    unproven: bool = False


@dataclass(frozen=True)
class CellRule:
    """The rule behind cells of the matrix, its texts with words in braces to fill in."""

    rule: str
    level: Level
    reason: str
    hint: str
    source: str
    unproven: bool = False
    since: Version | None = None  # the engine's version it begins with; `before` is the rule of an older one
    before: str | None = None


@dataclass(frozen=True)
class Support:
    """The tables of data/support.yaml."""

    generations: tuple[tuple[str, float], ...]
    rules: Mapping[str, CellRule]
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
        """The id of the rule, or "ok"."""
        row = self.row(engine, quantization)
        return "engine-quantization" if row is None else row[self.generation(capability)]


@cache
def load_support() -> Support:
    """The package's tables, parsed once: the file never changes."""
    data = read("support.yaml")
    return Support(
        generations=tuple((row["name"], float(row["since"])) for row in data["generations"]),
        rules={name: _rule(name, row) for name, row in data["rules"].items()},
        matrix={e: {q: tuple(cells) for q, cells in rows.items()} for e, rows in data["matrix"].items()},
        instead={name: tuple(names) for name, names in data["instead"].items()},
        same_checkpoint=tuple(frozenset(names) for names in data["same_checkpoint"]),
        while_loading={name: tuple(names) for name, names in data["while_loading"].items()},
        group_size=data["group_size"],
        not_in_float16=frozenset(data["not_in_float16"]),
        kv_dtypes={name: tuple(names) for name, names in data["kv_dtypes"].items()},
    )


def _rule(name: str, row: Mapping[str, Any]) -> CellRule:
    since = parse_version(row["since"]) if "since" in row else None
    return CellRule(**{**row, "rule": name, "since": since})


def cell_finding(spec: Spec, tables: Support) -> Finding | None:
    """The cell of engine, quantization and generation."""
    rule = _rule_of(spec, tables)
    if rule is None:
        return None
    words = {
        "gpu": spec.gpu.product,
        "capability": f"{spec.gpu.compute_capability:.1f}",
        "quantization": spec.quantization.name,
        "engine": spec.engine.title,
        "version": spec.engine.version,
        "instead": _instead(spec, tables),
    }
    reason, hint = rule.reason.format(**words), rule.hint.format(**words)
    return Finding(rule.level, rule.rule, reason, hint, unproven=rule.unproven)


def _rule_of(spec: Spec, tables: Support) -> CellRule | None:
    engine = spec.engine
    name: str | None = tables.cell(engine.name, spec.quantization.name, spec.gpu.compute_capability)
    while name not in (None, OK):
        rule = tables.rules[str(name)]
        if rule.since is None or parse_version(engine.version) >= rule.since:
            return rule
        name = rule.before
    return None


def _instead(spec: Spec, tables: Support) -> str:
    """The first of the substitutes that runs on this GPU with this engine; else one that another engine runs."""
    name = spec.quantization.name
    names = tables.instead.get(name) or tables.instead.get(name.split("-")[0], ())
    for engine in (spec.engine.name, "vllm", "llamacpp"):
        for other in names:
            cell = tables.cell(engine, other, spec.gpu.compute_capability)
            if cell == OK or tables.rules[cell].level == "warning":
                return other if engine == spec.engine.name else f"{other} with engine {engine}"
    return f"{name} with engine llamacpp" if name.startswith("gguf") else "of fewer bits, or another GPU"
