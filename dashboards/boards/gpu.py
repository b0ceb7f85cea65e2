"""GPU and cost: utilization, faults, energy, money, CO₂."""

from __future__ import annotations

from dashboards import thresholds
from dashboards.panel import Board, Query, Row, Variable, chart, stat
from dashboards.rules import trust
from dashboards.rules.alerts import GPU
from dashboards.settings import setting

_GPU = 'Hostname=~"$node"'
_BY = "Hostname, gpu"
_LEGEND = "{{Hostname}} GPU {{gpu}}"
# The value in the text that Grafana makes of a series: NAME{LABELS} VALUE TIME.
_VALUE = r"\} ([-+.e0-9]+) "
_MIB = 2**20


def utilization() -> str:
    return f"max by ({_BY}) (DCGM_FI_DEV_GPU_UTIL{{{_GPU}}}) / 100"


def memory_used() -> str:
    return f"max by ({_BY}) (DCGM_FI_DEV_FB_USED{{{_GPU}}}) * {_MIB}"


def memory_free_share() -> str:
    free, used = (f"sum by ({_BY}) (DCGM_FI_DEV_FB_{name}{{{_GPU}}})" for name in ("FREE", "USED"))
    return f"{free} / ({free} + {used} > 0)"


def power() -> str:
    return f"sum by ({_BY}) (DCGM_FI_DEV_POWER_USAGE{{{_GPU}}})"


def temperature() -> str:
    return f"max by ({_BY}) (DCGM_FI_DEV_GPU_TEMP{{{_GPU}}})"


def xid_changes() -> str:
    """New Xid errors: the metric keeps the last code indefinitely, so only its changes say something."""
    return f"changes({trust.XID}{{{_GPU}}}[$__range])"


def energy_of_1000_tokens() -> str:
    """Wh: watts over tokens per second."""
    return "sum(signalbox:power_watts) / 3.6 / (sum(signalbox:generation_tokens:rate5m) > 0)"


def energy_of_a_day() -> str:
    return f"sum({trust.ENERGY})"


def cost_of_a_day() -> str:
    """The energy and the GPU hours, at the prices of the variables."""
    hours = "(24 * count(DCGM_FI_DEV_GPU_UTIL) * $gpu_hour_price or vector(0))"
    return f"sum({trust.ENERGY}) / 1000 * $kwh_price + {hours}"


def co2_of_a_day() -> str:
    return f"sum({trust.ENERGY}) / 1000 * $co2_grams_per_kwh"


def _price(name: str, label: str, key: str) -> Variable:
    return Variable(name, label, f"query_result({setting(key)})", _VALUE)


def board() -> Board:
    """Utilization, health, energy and cost."""
    return Board(
        GPU,
        "GPU and cost",
        "For the operator and who pays: whether the GPUs are used and healthy, and what an answer costs.",
        (
            Variable("node", "Node", "label_values(DCGM_FI_DEV_GPU_UTIL, Hostname)"),
            _price("kwh_price", "Price of a kWh", "electricity_price_per_kwh"),
            _price("gpu_hour_price", "Price of a GPU hour", "gpu_price_per_hour"),
            _price("co2_grams_per_kwh", "CO₂ per kWh in g", "grid_co2_grams_per_kwh"),
        ),
        (_use(), _health(), _cost()),
        ("SignalboxGPUFault",),
    )


def _use() -> Row:
    return Row(
        "Use",
        (
            chart("Utilization", "Are the GPUs busy?", Query(utilization(), _LEGEND), unit="percentunit", maximum=1, empty="No GPU"),
            chart("Memory in use", "How much memory is taken?", Query(memory_used(), _LEGEND), unit="bytes", empty="No GPU"),
            chart("Power", "How much power do they draw?", Query(power(), _LEGEND), unit="watt", empty="No GPU"),
        ),
    )  # fmt: skip


def _health() -> Row:
    return Row(
        "Health",
        (
            chart("Temperature", "Is a GPU too hot?", Query(temperature(), _LEGEND), unit="celsius", threshold=thresholds.GPU_CELSIUS,
                  empty="No GPU"),
            chart("Free memory", "Is there memory for the next allocation?", Query(memory_free_share(), _LEGEND), unit="percentunit",
                  threshold=thresholds.GPU_FREE_SHARE, maximum=1, empty="No GPU"),
            stat("New Xid errors", "Did a GPU report an error in this time range?", Query(xid_changes(), _LEGEND),
                 threshold=thresholds.XID_CHANGES, width=8, empty="No GPU"),
        ),
    )  # fmt: skip


def _cost() -> Row:
    return Row(
        "Energy and cost",
        (
            stat("Wh per 1,000 tokens", "What energy do 1,000 generated tokens need?", Query(energy_of_1000_tokens()), unit="watth",
                 empty="No meter"),
            stat("Energy per day", "What energy did a day need?", Query(energy_of_a_day()), unit="watth", empty="No meter"),
            stat("Cost per day", "What did a day cost, in the currency of the prices?", Query(cost_of_a_day()), empty="No meter"),
            stat("CO₂ per day", "How many grams of CO₂ did the energy of a day cause?", Query(co2_of_a_day()), unit="massg",
                 empty="No meter"),
        ),
    )  # fmt: skip
