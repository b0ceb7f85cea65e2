"""`signalbox top`."""

from __future__ import annotations

import re
import time
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from signalbox.command import command_settings
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings

# The readers of metrics are imported when they are used: the command line starts without them.
# ruff: noqa: PLC0415

_WINDOW = re.compile(r"[1-9]\d{0,3}[mhdw]")


def top(
    once: Annotated[bool, typer.Option(help="Print the figures once. Default without a terminal.")] = False,
    interval: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two readings.")] = 5.0,
    window: Annotated[
        str, typer.Option(help="Period of the answers in Prometheus, such as 1h, 1d or 1w.")
    ] = "1d",
) -> None:
    """Show whether the answers may be trusted today: lights, errors, certificates, labels owed, energy."""
    with command_settings() as settings:
        if not _WINDOW.fullmatch(window):
            raise InputError("--window", window, "Give a number and m, h, d or w, for example 1d.")
        console = Console()
        if once or not console.is_terminal:
            console.print(_screen(settings, window))
            return
        _watch(settings, window, interval, console)


def _watch(settings: Settings, window: str, interval: float, console: Console) -> None:
    """Show the newest figures until Ctrl-C."""
    try:
        with Live(_screen(settings, window), console=console, screen=True) as live:
            while True:
                time.sleep(interval)
                live.update(_screen(settings, window))
    except KeyboardInterrupt:
        return


def _screen(settings: Settings, window: str) -> RenderableType:
    """Figures from Prometheus; from the assessor's page where the settings name none and the local one does not answer."""
    from signalbox.top.figures import METRICS, RECORDED, figures_of
    from signalbox.top.reading import read_pages, read_prometheus
    from signalbox.top.show import screen

    try:
        reading = read_prometheus(settings.prometheus_base_url, METRICS, RECORDED, window)
    except SetupError:
        if settings.prometheus_url:
            raise
        reading = read_pages(settings, METRICS)
    return screen(figures_of(reading, time.time()), reading)
