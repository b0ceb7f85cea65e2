"""Requests per second and p99 of the encoder's KServe predictor at 16 and 32 clients, by wrk, on loopback."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from signalbox.errors import SetupError
from signalbox.settings import Settings

CLIENTS = (1, 16, 32)
SECONDS = 10
TEXT = "Socio-medical indication for the aid is confirmed."
PROTOCOLS = {
    "V1": ("/v1/models/encoder:predict", {"instances": [{"text": TEXT, "language": "en"}]}),
    "V2": (
        "/v2/models/encoder/infer",
        {
            "inputs": [
                {"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]},
                {"name": "language", "datatype": "BYTES", "shape": [1], "data": ["en"]},
            ]
        },
    ),
}
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def wrk(
    url: str,
    body: dict[str, object],
    clients: int,
    seconds: int = SECONDS,
    headers: Mapping[str, str] = MappingProxyType({}),
    late_seconds: int = 2,
) -> dict[str, float]:
    """One bounded run: requests/s, p50 and p99 in ms, count of answers that are not 2xx/3xx, came late, or broke."""
    if shutil.which("wrk") is None:
        raise SetupError("wrk is missing: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        fields = {"Content-Type": "application/json", **headers}
        lines = [f'wrk.headers["{name}"]="{value}"' for name, value in fields.items()]
        script.write(" ".join(['wrk.method="POST"', *lines, f"wrk.body=[==[{json.dumps(body)}]==]"]))
        script.flush()
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency"]
        command += ["--timeout", f"{late_seconds}s", "-s", script.name, url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if float(_find(r"Requests/sec:\s+([\d.]+)", text)) == 0:  # its percentiles are then 0 ms
        raise RuntimeError(f"{url} answered nothing within {seconds} s:\n{text}")
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return {
        "requests_per_second": float(_find(r"Requests/sec:\s+([\d.]+)", text)),
        "p50_ms": _milliseconds(_find(r"^ +50% +(\S+)", text)),
        "p99_ms": _milliseconds(_find(r"^ +99% +(\S+)", text)),
        "failed": sum(int(n) for match in (errors, broken) if match for n in match.groups()),
    }


def run() -> list[dict[str, object]]:
    """Start the newest trained encoder on loopback and load it by each protocol."""
    from tests.helpers import running_encoder

    rows: list[dict[str, object]] = []
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder, running_encoder(settings, Path(folder)) as url:
        for protocol, (path, body) in PROTOCOLS.items():
            wrk(url + path, body, clients=4, seconds=2)  # warm-up
            rows += [{"protocol": protocol, "clients": c, **wrk(url + path, body, c)} for c in CLIENTS]
    return rows


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)  # other columns hold percentages too
    if match is None:
        raise RuntimeError(f"wrk printed no {pattern!r}:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS_MS[unit]
