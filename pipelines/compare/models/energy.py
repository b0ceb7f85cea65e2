"""Energy of a model while it answers: counters of the processor (RAPL) or of GPUs (DCGM), where they can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from signalbox.assessor_client import direct_client
from signalbox.errors import SetupError

_RAPL = Path("/sys/class/powercap")
_DCGM_METRIC = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"  # millijoules since the driver was loaded
_MICRO, _MILLI = 1e-6, 1e-3
_TIMEOUT_SECONDS = 5.0

# Joules by counter, and the value at which it starts again from 0; None: it does not.
Counters = Mapping[str, tuple[float, float | None]]


@dataclass
class Meter:
    """Sums what counters gain between samples. Sample more often than a counter starts over (RAPL: minutes)."""

    source: str
    read: Callable[[], Counters]
    joules: float = 0.0
    _last: dict[str, float] = field(default_factory=dict)

    def sample(self) -> None:
        """Add the gains since the last sample; the first one only sets the start."""
        for name, (value, limit) in self.read().items():
            if (last := self._last.get(name)) is not None:
                gain = value - last
                self.joules += gain if gain >= 0 else gain + (limit or 0.0)
            self._last[name] = value


def find_meter(dcgm_url: str | None = None, rapl: Path = _RAPL) -> Meter | None:
    """DCGM at a URL if there is one, else RAPL where it is readable, else None. SetupError where the URL is no DCGM.

    Both count the whole processor or all GPUs, with what else runs on them.
    """
    if dcgm_url:
        if not _dcgm(dcgm_url):
            raise SetupError(
                f"{dcgm_url} has no metric {_DCGM_METRIC}.",
                hint="Give the URL of the DCGM exporter's metrics, such as http://node:9400/metrics.",
            )
        return Meter("DCGM, all GPUs", lambda: _dcgm(dcgm_url))
    return Meter("RAPL, all processor packages", lambda: _rapl(rapl)) if _rapl(rapl) else None


def _rapl(folder: Path) -> Counters:
    """The packages, without their parts (`intel-rapl:0:0`), which they contain."""
    counters: dict[str, tuple[float, float | None]] = {}
    for package in folder.glob("intel-rapl:*"):
        if package.name.count(":") != 1:
            continue
        try:
            value = int((package / "energy_uj").read_text(encoding="ascii"))
            limit = int((package / "max_energy_range_uj").read_text(encoding="ascii"))
        except (OSError, ValueError):  # readable by root only, on most machines
            continue
        counters[package.name] = value * _MICRO, limit * _MICRO
    return counters


def _dcgm(url: str) -> Counters:
    try:
        with direct_client(url, _TIMEOUT_SECONDS) as client:
            text = client.get(url).raise_for_status().text
        families = list(text_string_to_metric_families(text))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise SetupError(
            f"DCGM at {url} does not answer ({type(error).__name__}).",
            hint="Check `--dcgm-url`, or leave it out.",
        ) from error
    samples = [sample for family in families for sample in family.samples if sample.name == _DCGM_METRIC]
    return {str(sorted(sample.labels.items())): (sample.value * _MILLI, None) for sample in samples}
