"""`python -m pipelines JOB`: the same as `signalbox-jobs JOB`."""

from pipelines.cli import app

app(prog_name="signalbox-jobs")
