"""Objectives, prices and factors: series `signalbox:setting`, whose defaults are those of charts/monitoring."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

CHART: Final = Path(__file__).parents[1] / "charts" / "monitoring"
SERIES: Final = "signalbox:setting"
# Value of the label `setting` → key in values.yaml.
SETTINGS: Final = {
    "availability_objective_ratio": ("slo", "availabilityObjective"),
    "latency_objective_ratio": ("slo", "latencyObjective"),
    "electricity_price_per_kwh": ("cost", "electricityPricePerKwh"),
    "gpu_price_per_hour": ("cost", "gpuPricePerHour"),
    "grid_co2_grams_per_kwh": ("cost", "gridCo2GramsPerKwh"),
    "assumed_watts": ("cost", "assumedWatts"),
}


def default(name: str) -> float:
    """The default of a setting."""
    part, key = SETTINGS[name]
    return float(values()[part][key])


def latency_seconds() -> float:
    """The bound of the latency objective: a bucket of the assessor's histogram."""
    return float(values()["slo"]["latencySeconds"])


def runbooks_url() -> str:
    """Where the runbooks are."""
    return str(values()["runbooksUrl"])


def setting(name: str) -> str:
    """The series of a setting."""
    return f'{SERIES}{{setting="{name}"}}'


def values() -> dict[str, Any]:
    """The default values of the chart."""
    loaded: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return loaded
