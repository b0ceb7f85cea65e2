"""`signalbox why`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from signalbox.command import command_settings
from signalbox.errors import InputError

# Prometheus and the pages are read when they are needed: the command line starts without them.
# ruff: noqa: PLC0415


def why(
    alert: Annotated[str, typer.Argument(help="Name of the alert. Without it, all alerts are listed.")] = "",
    namespace: Annotated[str, typer.Option(help="Namespace. Defaults to that of the firing alert.")] = "",
    service: Annotated[str, typer.Option(help="Service. Defaults to that of the firing alert.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="Another label of the alert, as NAME=VALUE; can be repeated.")
    ] = None,
    mitigation: Annotated[bool, typer.Option(help="Print what to do about it, too.")] = False,
) -> None:
    """Print the first steps of an alert's runbook, with the values of this cluster in its commands.

    Values come from the options, then from the labels of the alert if it fires in Prometheus (SIGNALBOX_PROMETHEUS_URL).
    """
    with command_settings() as settings:
        from signalbox.runbooks import page
        from signalbox.runbooks.firing import firing
        from signalbox.runbooks.show import show_alerts, show_runbook

        options = {"namespace": namespace, "service": service, **_labels(label or [])}
        options = {name: value for name, value in options.items() if value}
        runbook = page.load(alert) if alert else None
        now, url = firing(settings.prometheus_base_url), settings.prometheus_base_url
        if runbook is None:
            show_alerts([page.load(name) for name in page.names()], now, Console())
            return
        matching = [
            labels
            for labels in (now or {}).get(runbook.alert, [])
            if all(labels.get(name, value) == value for name, value in options.items())
        ]
        known = {"prometheus": url} if now is not None or settings.prometheus_url else {}
        values = known | (matching[0] if matching else {}) | options
        show_runbook(runbook, values, matching, Console(), mitigation=mitigation)


def _labels(texts: list[str]) -> dict[str, str]:
    """Labels of the command line. Raises InputError."""
    labels = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name.isidentifier() and separator):
            raise InputError(
                "--label", text, "Write NAME=VALUE, for example --label job_name=pipelines-drift-1."
            )
        labels[name] = value
    return labels
