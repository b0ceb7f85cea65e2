"""The commands `signalbox plan` and `signalbox check-boot`; `options.py` declares their options."""

from __future__ import annotations

from signalbox.capacity.cli.options import BootOptions, PlanOptions, command_of, common_fields
from signalbox.command import command_settings, command_state


@command_of(PlanOptions)
def plan(options: PlanOptions) -> None:
    """Plan GPU memory for a model: whether it fits, how many requests, and the command to start it. Downloads nothing."""
    with command_state() as state:
        from signalbox.capacity.cli.run import run

        run(state, options)


@command_of(BootOptions)
def check_boot(options: BootOptions) -> None:
    """Compare a boot log of an engine with the plan, term by term."""
    with command_settings() as settings:
        from dataclasses import fields

        from rich.console import Console

        from signalbox.capacity.boot_logs.spec_from_log import LogOverrides
        from signalbox.capacity.cli.check_boot import check_boot as check

        overrides = LogOverrides(**common_fields(options, {field.name for field in fields(LogOverrides)}))
        check(settings, options.log, Console(), overrides, store=options.store, cluster=options.cluster)
