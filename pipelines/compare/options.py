"""Options of `compare` and `gate`, for the commands of the jobs and of the local stack."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.compare.models import KEY_VARIABLE

_GIB = 2**30

RunningModels = Annotated[
    str,
    typer.Option(
        "--models",
        help="Comma-separated: encoder, decoder (the running ones of the settings) and https://HOST/v1#MODEL. The key of "
        f"a URL is in {KEY_VARIABLE}, or in {KEY_VARIABLE}_HOST if there are several hosts. Default: the running ones.",
    ),
]
Languages = Annotated[
    list[str] | None, typer.Option("--language", help="Language of the rows; can be repeated. Default: all.")
]
AllTiers = Annotated[
    list[str] | None, typer.Option("--tier", help="Tier of the rows; can be repeated. Default: all.")
]
Repeats = Annotated[
    int,
    typer.Option(
        min=1, max=100, help="Queries per test row, averaged first: for a model whose answers vary."
    ),
]
Price = Annotated[
    float | None,
    typer.Option("--price-per-hour", min=0, help="Price of this machine, for the cost of 1,000 answers."),
]
Currency = Annotated[str, typer.Option(help="Currency of the price.")]
Watts = Annotated[
    float | None,
    typer.Option(
        min=0, help="Power of this machine while it answers: an estimate where nothing measures energy."
    ),
]
DcgmUrl = Annotated[
    str | None,
    typer.Option("--dcgm-url", help="Metrics of the DCGM exporter, to measure the energy of GPUs."),
]
Pool = Annotated[bool, typer.Option(help="Let the baselines learn from the split pool, too.")]
Texts = Annotated[bool, typer.Option(help="Show the texts of answers that flip in the report.")]
Output = Annotated[
    Path | None,
    typer.Option(help="Folder for report, table and answers. Default: reports in SIGNALBOX_STATE_DIR."),
]
MemoryLimit = Annotated[
    float | None,
    typer.Option("--memory-limit", min=0, help="GiB that a model may need. Default: what is free now."),
]


def bytes_of(gib: float | None) -> int | None:
    """The bytes of a number of GiB."""
    return None if gib is None else int(gib * _GIB)


def command_line() -> str:
    """The command as it was typed, without the folder of the program. Keys are in variables, so none is in it."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
