"""A plan on a screen: readable without color, nothing wider than the console."""

import io
import shlex

import pytest
from rich.console import Console

from signalbox.capacity.cli.show_plan import command_lines, explain, interval_text, show
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from signalbox.capacity.speed.throughput import Interval

FITS = plan(Request(model="llama-3.1-8b", gpu="l4", concurrency=8))
NOT = plan(Request(model="llama-3.1-70b", gpu="2xl4", quantization="bf16"))
UNSUPPORTED = plan(Request(model="llama-3.1-8b", gpu="t4", quantization="bf16", dtype="bf16"))


def screen(answer, width=100, **options) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    show(answer, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("answer", [FITS, NOT, UNSUPPORTED], ids=lambda answer: answer.verdict)
def test_nothing_is_wider_than_the_console(answer, width):
    lines = screen(answer, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 50  # one screen


@pytest.mark.parametrize("answer", [FITS, NOT, UNSUPPORTED], ids=lambda answer: answer.verdict)
def test_no_color_is_needed(answer):
    text = screen(answer, no_color=True)
    assert "\x1b" not in text
    assert answer.verdict in text
    bar = text.splitlines()[1]
    assert set(bar) <= set("WAGNK!·")
    for letter in set(bar) - {"·"}:
        assert f"{letter} " in text.replace("\n", " "), "each letter is in the legend"


def test_the_bar_is_in_proportion():
    bar = next(line for line in screen(FITS).splitlines() if set(line) <= set("WAGNK·") and line)
    assert bar.count("W") == pytest.approx(100 * FITS.weights_gib / FITS.total_gib, abs=1)
    assert bar.count("K") == pytest.approx(100 * FITS.kv_gib / FITS.total_gib, abs=1)
    assert len(bar) == 100


def test_the_shortfall_is_in_the_bar_and_the_legend():
    text = screen(NOT)
    assert "!" in text.splitlines()[1]
    assert f"short by {-NOT.kv_gib:.2f}" in text


def test_the_legend_has_the_figures():
    text = " ".join(screen(FITS).split())
    assert f"W weights {FITS.weights_gib:.2f}" in text
    assert f"K KV cache {FITS.kv_gib:.2f}" in text
    assert f"of {FITS.total_gib:.2f} GiB" in text


def test_an_unsupported_plan_names_the_reason_and_what_fits():
    text = " ".join(screen(UNSUPPORTED).split())
    assert UNSUPPORTED.violations[0].reason in text
    assert UNSUPPORTED.nearest is not None
    assert UNSUPPORTED.nearest.change in text


def test_hints_warnings_and_notes_are_labeled():
    assert f"hint: {UNSUPPORTED.violations[0].hint}" in " ".join(screen(UNSUPPORTED).split())
    text = " ".join(screen(FITS).split())
    assert "warning: the KV cache fits 4 full-length requests at once, not 8; the others queue. Lower" in text
    assert all(f"note: {note}" in text for note in FITS.notes)


def test_gpus_are_written_as_vendors_do():
    assert " on 1× L4 " in screen(FITS)
    assert "8× L4" in screen(NOT)


def test_figures_are_ranges_of_two_digits():
    text = " ".join(screen(FITS).split())
    assert "throughput 45–83 tok/s at 4 concurrent requests (512 in, 128 out), TTFT 0.09–0.81 s" in text
    assert "energy 0.11–0.35 Wh per 1,000 tokens" in text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (44.6, 82.7, "45–83"),
        (0.086, 0.81, "0.09–0.81"),
        (1234.5, 9876.5, "1,234–9,876"),
        (2.04, 2.01, "2.0"),
        (0.00123, 0.0456, "0.0012–0.05"),
        (0.0, 9.96, "0–10"),
    ],
)
def test_intervals(low, high, text):
    assert interval_text(Interval(low, high)) == text


def test_unproven_rules_are_named_below_the_verdict():
    request = Request(model="llama-3.1-8b", gpu="t4", engine="tgi", quantization="awq", allow_unproven=True)
    answer = plan(request)
    assert (answer.fits, answer.overruled) == (True, ("tgi-generation",))
    assert "warning: unproven, allowed by --allow-unproven: tgi-generation" in screen(answer)


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
