"""The command line of the batch jobs: `signalbox-jobs --help`.

The same commands appear under `signalbox`, which loads `app` from the entry points `signalbox.commands`.
"""

from __future__ import annotations

import typer

from pipelines.calibrate.command import calibrate
from pipelines.compare.command import compare
from pipelines.drift.command import drift
from pipelines.evaluate.command import evaluate
from pipelines.evidence.command import evidence
from pipelines.gate.command import gate
from pipelines.gate.exits import GateCommand
from pipelines.golden.command import golden
from pipelines.judge.command import judge
from pipelines.owed.command import labels
from pipelines.train.command import train
from pipelines.watch.command import watch

app = typer.Typer(
    help="Batch jobs: train, calibrate, evaluate, compare, gate, evidence, drift, watch, golden, judge.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (train, calibrate, evaluate, compare, evidence, drift, watch, golden, judge):
    app.command()(command)
app.command(cls=GateCommand)(gate)
app.add_typer(labels)
