"""The comparison of models: its conclusion, its table, its files."""

import io
import os
import socket
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipelines.compare.comparison import Comparison, Entry, conclude
from pipelines.compare.job import compare
from pipelines.compare.models import footprint
from pipelines.compare.table import cells_of, markdown, show
from signalbox.contracts.metrics import JOB_LAST_SUCCESS
from tests.helpers import free_port

MEGABYTE = 2**20


def entry(name, right, size=None, total=100):
    """The first `right` of `total` rows are answered correctly; a list says it row by row."""
    hits = right if isinstance(right, list) else [i < right for i in range(total)]
    return Entry(name, tuple(hits), (0.001, 0.002), None if size is None else size * MEGABYTE, size)


def alternating(total=100):
    """The majority baseline: right on every second row."""
    return [i % 2 == 0 for i in range(total)]


BASELINES = (entry("tfidf", 52), entry("length", 51), entry("majority", alternating()))


def test_no_model_better_than_the_majority_is_the_conclusion():
    sentence = conclude([entry("encoder", 52, 20), entry("decoder", 54, 90), *BASELINES])
    assert sentence.startswith("No model is distinguishable from the majority baseline on these 100 rows")
    assert "best: decoder, 0.54" in sentence


def test_a_lead_that_the_rows_do_not_carry_is_no_lead():
    """Ten more right of 100 looks like a lead: 5 rows won on ½ chance give p > .05."""
    majority = entry("majority", alternating())
    few = [r or i in {1, 3, 5, 7, 9} for i, r in enumerate(majority.right)]
    assert "No model is distinguishable" in conclude([entry("encoder", few, 20), majority])
    more = [r or i in {1, 3, 5, 7, 9, 11} for i, r in enumerate(majority.right)]
    assert "encoder is better than every smaller" in conclude([entry("encoder", more, 20), majority])


def test_significantly_worse_than_the_majority_is_not_better():
    assert "No model is distinguishable" in conclude([entry("encoder", 5, 20), *BASELINES])


def test_the_best_that_no_smaller_one_equals():
    sentence = conclude([entry("encoder", 70, 20), entry("decoder", 95, 90), *BASELINES])
    assert sentence == "decoder is better than every smaller model on these rows (p ≤ 0.05)."


def test_the_smallest_that_is_not_distinguishable_from_the_best():
    sentence = conclude(
        [entry("encoder", 93, 20), entry("decoder", 95, 90), entry("cascade", 94, 110), *BASELINES]
    )
    assert "Best is decoder" in sentence
    assert "smallest that is not distinguishable from it on these rows is encoder (p = 0.50)" in sentence


def test_a_baseline_that_equals_the_best_is_the_smallest():
    sentence = conclude([entry("encoder", 95, 20), entry("tfidf", 94), *BASELINES[1:]])
    assert "Best is encoder" in sentence
    assert "is tfidf (p = 1.00)" in sentence


def test_a_baseline_that_wins_is_called_a_baseline():
    sentence = conclude([entry("encoder", 60, 20), entry("tfidf", 95), *BASELINES[1:]])
    assert sentence == "The baseline tfidf is the best on these rows; no model is better than it."


def test_a_model_elsewhere_is_not_the_smallest():
    """Its size is not known: it must neither win by that nor be called better than every smaller one."""
    sentence = conclude([entry("encoder", 94, 20), entry("decoder", 95, None), *BASELINES])
    assert "smallest that is not distinguishable from it on these rows is encoder" in sentence
    sentence = conclude([entry("encoder", 95, 20), entry("decoder", 94, None), *BASELINES])
    assert sentence == "encoder is better than every smaller model on these rows (p ≤ 0.05)."


def test_the_one_with_most_right_may_be_noise_where_another_is_not():
    """A: 59 right, disagreeing with the majority everywhere it can. B: 58 right, never worse than it."""
    majority = entry("majority", alternating())
    noisy = entry("noisy", [i % 2 == 1 or i < 18 for i in range(100)], 20)
    steady = entry("steady", [r or i < 16 for i, r in enumerate(majority.right)], 90)
    assert (sum(noisy.right), sum(steady.right)) == (59, 58)
    assert "No model is distinguishable" in conclude([noisy, majority])
    assert "No model" not in conclude([noisy, steady, majority])


@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=2, max_size=5))
def test_any_rows_lead_to_one_of_the_four_sentences(columns):
    names = ["majority", "encoder", "decoder", "cascade", "tfidf"]
    entries = [entry(n, c, 10 * i) for i, (n, c) in enumerate(zip(names, columns, strict=False))]
    sentence = conclude(entries)
    starts = ("No model is", "Best is", "The baseline", *(f"{name} is better" for name in names[1:4]))
    assert sentence.startswith(starts)


# --- the table --------------------------------------------------------------------------------------------

HEADER = ("balanced accuracy", "macro F1", "p50 ms", "p95 ms", "memory MiB", "size MiB")
TABLE = Comparison(
    "toy",
    ("de", "en"),
    tuple(["en", "de"] * 50),
    (
        replace(entry("encoder", 60, 20), balanced_accuracy=0.61, macro_f1=0.59),
        entry("majority", alternating()),
    ),
    "No model.",
)


def test_the_table_is_well_formed():
    lines = markdown(TABLE).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[:4]]
    assert rows[0] == ["model", "accuracy de", "accuracy en", *HEADER]
    assert set(rows[1]) == {"---"}
    assert all(line.count("|") == len(rows[0]) + 1 for line in lines[:4])
    assert rows[2][:7] == ["encoder", "0.60 (0.45-0.74)", "0.60 (0.45-0.74)", "0.61", "0.59", "1.5", "1.9"]
    assert rows[2][7] == "20"
    assert lines[4:] == ["", "No model."]


def test_accuracy_is_that_of_the_languages_rows():
    assert [line[1:3] for line in cells_of(TABLE)[2:]] == [["0.00 (0.00-0.07)", "1.00 (0.93-1.00)"]]


def test_the_terminal_shows_the_table_and_the_conclusion(capsys):
    show(TABLE, Console(width=200))
    printed = capsys.readouterr().out
    assert "toy: 100 test rows" in printed
    assert "0.60 (0.45-0.74)" in printed
    assert printed.rstrip().endswith("No model.")


# --- memory and size --------------------------------------------------------------------------------------


def test_memory_is_that_of_the_process_that_listens():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert footprint.resident_bytes(port) is None  # bound, not listening
        server.listen()
        memory = footprint.resident_bytes(port)
    own = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert memory == pytest.approx(own, rel=0.2)
    assert footprint.resident_bytes(free_port()) is None


def test_the_sum_is_unknown_when_a_part_is():
    assert footprint.total_bytes([1, 2]) == 3
    assert footprint.total_bytes([1, None]) is None


# --- all of it --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_models_and_baselines_are_compared_on_the_same_rows(world):
    comparison = compare(world.settings)
    names = [e.name for e in comparison.entries]
    assert names == ["encoder", "decoder", "cascade", "tfidf", "length", "majority"]
    assert {len(e.right) for e in comparison.entries} == {16}
    assert all(len(e.latencies_seconds) == 16 for e in comparison.entries)
    encoder, decoder, cascade, *baselines = comparison.entries
    assert (encoder.size_bytes, decoder.size_bytes, cascade.size_bytes) == (MEGABYTE, MEGABYTE, 2 * MEGABYTE)
    assert cascade.memory_bytes is not None
    assert {(e.size_bytes, e.memory_bytes) for e in baselines} == {(None, None)}
    assert sum(baselines[-1].right) == 8
    report = (world.settings.state_dir / "reports" / "comparison.md").read_text(encoding="utf-8")
    assert report == markdown(comparison)
    client = mlflow.MlflowClient(world.settings.mlflow_base_url)
    experiment = client.get_experiment_by_name(world.task_name)
    (run,) = client.search_runs([experiment.experiment_id], "tags.`signalbox.job` = 'compare'")
    assert run.data.metrics == {
        f"{name}.{e.name}": value
        for e in comparison.entries
        for name, value in (
            ("accuracy", sum(e.right) / 16),
            ("balanced_accuracy", e.balanced_accuracy),
            ("macro_f1", e.macro_f1),
        )
    }
    # Both labels are equally frequent, and the majority baseline never gives one of them.
    assert (comparison.entries[-1].balanced_accuracy, comparison.entries[-1].macro_f1) == (
        0.5,
        pytest.approx(1 / 3),
    )
    job = f"compare-{world.task_name}"
    metrics = (world.settings.state_dir / "metrics" / f"{job}.prom").read_text(encoding="utf-8")
    assert f'{JOB_LAST_SUCCESS.name}{{job="{job}"}}' in metrics


@pytest.mark.slow
def test_models_elsewhere_have_neither_memory_nor_size(world):
    settings = world.settings
    elsewhere = {"encoder_url": settings.encoder_base_url, "decoder_url": settings.decoder_base_url}
    comparison = compare(settings.model_copy(update=elsewhere))
    assert {(e.memory_bytes, e.size_bytes) for e in comparison.entries} == {(None, None)}
    assert all(line[-2:] == ["", ""] for line in cells_of(comparison)[1:])


def test_no_cell_is_cut_in_a_narrow_terminal():
    console = Console(width=80, record=True, file=io.StringIO())
    show(TABLE, console)
    text = console.export_text()
    cells = {cell for line in cells_of(TABLE)[1:] for cell in line if cell}
    assert all(part in text for cell in cells for part in cell.split())
