"""Prometheus of the local stack: what it scrapes, with which rules, and how it is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from local import stack
from local.processes import Service, Supervisor, check_port
from signalbox.errors import SetupError
from signalbox.io import write_whole
from signalbox.serving.listen import url_host
from signalbox.settings import Settings

PROGRAM = "prometheus"
# The namespace label that a cluster would give; rules and boards select by it.
NAMESPACE = "local"
# Rules of charts/monitoring, from the root of a checkout.
RULES = Path("charts/monitoring/files/rules")
_SCRAPE, _EVALUATION = "5s", "15s"
_RETENTION = "15d"


def start(settings: Settings, supervisor: Supervisor, console: Console) -> bool:
    """Start Prometheus and the exporter of the jobs' metrics; False where they are not to be had. Waits for neither."""
    program = shutil.which(PROGRAM) if settings.starts_prometheus else None
    if program is None:
        return False
    services = (_exporter(settings), _prometheus(settings, program))
    try:
        for service in services:
            check_port(service)
    except SetupError as error:
        console.print(f"  note: no Prometheus: {error.message} {error.hint}", markup=False, highlight=False)
        return False
    write_whole(_config_path(settings), yaml.safe_dump(configuration(settings), sort_keys=False))
    for service in services:
        supervisor.start(service)
    return True


def configuration(settings: Settings, rules: Path = RULES) -> dict[str, Any]:
    """The configuration file: a target for each service that the local stack starts, and the rules if they are here."""
    return {
        "global": {
            "scrape_interval": _SCRAPE,
            "evaluation_interval": _EVALUATION,
            "external_labels": {"cluster": NAMESPACE},
        },
        "rule_files": [str(path.resolve()) for path in sorted(rules.glob("*.yaml"))],
        "scrape_configs": list(_targets(settings)),
    }


def _targets(settings: Settings) -> Iterator[dict[str, Any]]:
    yield _target(settings, "assessor", settings.assessor_port)
    if settings.starts_encoder:
        yield _target(settings, "encoder", settings.encoder_port)
    if settings.starts_decoder:
        yield _target(settings, "decoder", settings.decoder_port, engine="llamacpp")
    if not settings.mlflow_url:
        yield _target(settings, "mlflow", settings.mlflow_port)
    # The jobs name themselves in the label `job`.
    yield {**_target(settings, "jobs", settings.job_metrics_port), "honor_labels": True}
    yield _target(settings, PROGRAM, settings.prometheus_port)


def _target(settings: Settings, name: str, port: int, **labels: str) -> dict[str, Any]:
    where = {"namespace": NAMESPACE, "service": name, **labels}
    return {
        "job_name": name,
        "static_configs": [{"targets": [f"{_reachable(settings)}:{port}"], "labels": where}],
    }


def _reachable(settings: Settings) -> str:
    """The host of a target: a wildcard address is no place to connect to."""
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
    return wildcards.get(settings.host, url_host(settings.host))


def _config_path(settings: Settings) -> Path:
    return (settings.state_dir / "prometheus" / "prometheus.yaml").resolve()


def _prometheus(settings: Settings, program: str) -> Service:
    folder = _config_path(settings).parent
    folder.mkdir(parents=True, exist_ok=True)
    return Service(
        name=PROGRAM,
        command=(
            program,
            f"--config.file={_config_path(settings)}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={url_host(settings.host)}:{settings.prometheus_port}",
            "--log.level=warn",
        ),
        host=settings.host,
        port=settings.prometheus_port,
        ready_path="/-/ready",
        port_setting="SIGNALBOX_PROMETHEUS_PORT",
        is_required=False,
    )


def _exporter(settings: Settings) -> Service:
    return Service(
        name="job-metrics",
        command=(
            *(sys.executable, "-m", "local.monitoring.textfiles"),
            *(str((settings.state_dir / "metrics").resolve()), settings.host, str(settings.job_metrics_port)),
        ),
        host=settings.host,
        port=settings.job_metrics_port,
        ready_path="/metrics",
        port_setting="SIGNALBOX_JOB_METRICS_PORT",
        environment=stack.importable(),
        is_required=False,
    )
