"""The answer on a screen: readable without colour, nothing wider than the console."""

import io
import shlex

import pytest
from rich.console import Console

from signalbox.capacity.cli.show_plan import command_lines, explain, show
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request

FITS = plan(Request(model="llama-3.1-8b", gpu="l4", concurrency=8))
NOT = plan(Request(model="llama-3.1-70b", gpu="2xl4", quantization="bf16"))
REFUSED = plan(Request(model="llama-3.1-8b", gpu="t4", quantization="bf16", dtype="bf16"))


def shown(answer, width=100, **options) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    show(answer, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("answer", [FITS, NOT, REFUSED], ids=lambda answer: answer.verdict)
def test_nothing_is_wider_than_the_console(answer, width):
    lines = shown(answer, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 50  # one screen


@pytest.mark.parametrize("answer", [FITS, NOT, REFUSED], ids=lambda answer: answer.verdict)
def test_no_colour_is_needed(answer):
    text = shown(answer, no_color=True)
    assert "\x1b" not in text
    assert answer.verdict in text
    bar = text.splitlines()[1]
    assert set(bar) <= set("WAGNK!·")
    for letter in set(bar) - {"·"}:
        assert f"{letter} " in text.replace("\n", " "), "each letter is in the legend"


def test_the_bar_is_in_proportion():
    bar = next(line for line in shown(FITS).splitlines() if set(line) <= set("WAGNK·") and line)
    assert bar.count("W") == pytest.approx(100 * FITS.weights_gib / FITS.total_gib, abs=1)
    assert bar.count("K") == pytest.approx(100 * FITS.kv_gib / FITS.total_gib, abs=1)
    assert len(bar) == 100


def test_what_lacks_is_in_the_bar_and_the_legend():
    text = shown(NOT)
    assert "!" in text.splitlines()[1]
    assert f"lacking {-NOT.kv_gib:.2f}" in text


def test_the_legend_has_the_figures():
    text = " ".join(shown(FITS).split())
    assert f"W weights {FITS.weights_gib:.2f}" in text
    assert f"K KV cache {FITS.kv_gib:.2f}" in text
    assert f"of {FITS.total_gib:.2f} GiB" in text


def test_a_refusal_says_why_and_what_works():
    text = " ".join(shown(REFUSED).split())
    assert REFUSED.refusals[0].reason in text
    assert REFUSED.nearest is not None
    assert REFUSED.nearest.change in text


def test_flags_can_be_pasted_into_a_shell():
    lines = command_lines(FITS, 60)
    assert all(len(line) <= 62 for line in lines)
    assert all(line.endswith(" \\") for line in lines[:-1])
    words = shlex.split("\n".join(lines).replace("\\\n", " "))
    assert words == [*(f"{k}={v}" for k, v in FITS.environment.items()), *FITS.program, *FITS.flags]


@pytest.mark.parametrize("width", [80, 100])
def test_every_term_is_explained(width):
    console = Console(file=io.StringIO(), width=width)
    explain(FITS, console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for part in FITS.parts:
        assert f"{part.gib:.3f}" in text
        assert part.formula.split()[0] in text
        assert part.source
