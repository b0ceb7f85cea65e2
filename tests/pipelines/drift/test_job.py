"""The drift job: comparisons, verdicts and files, over a real store."""

import asyncio
import io
import json
import uuid
from datetime import UTC, datetime, timedelta

import mlflow
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from scipy.stats import binom
from typer.testing import CliRunner

from pipelines.classes import YES_NO
from pipelines.cli import app
from pipelines.drift import publish, report
from pipelines.drift.comparison import Verdict, compare
from pipelines.drift.defaults import ALPHA
from pipelines.drift.job import drift, windows_of
from pipelines.drift.report import Report
from pipelines.samples import Sample
from pipelines.windows import ALL, Group, Pair
from signalbox.contracts import metrics
from signalbox.contracts.labels import NO, YES
from signalbox.contracts.light import Light
from signalbox.contracts.routes import ROUTES
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import RELEASE, record
from tests.pipelines.samples import compare_windows, draw_sample
from tests.pipelines.world import write_task

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OURS, INPUT = Group("decoder", "en", RELEASE.key), Group("decoder", "en", ALL)
RUNS, LEVEL = 200, 0.05
MOST_ALARMS = int(binom.isf(0.001, RUNS, LEVEL))


def by_column(rows, group=None):
    return {row.column: row for row in rows if group is None or row.group == group}


def pair(reference, current, shift=0.0, seed=0):
    """Samples without texts; p(yes) of the current one is moved."""
    rng = np.random.default_rng(seed)
    return Pair(draw_sample(rng, reference), draw_sample(rng, current, shift))


def sample_of(rows, output, characters):
    """Rows that are all alike."""
    sample = Sample()
    sample.fill("output", [output] * rows)
    sample.fill("input_characters", [characters] * rows)
    return sample


# --- what it says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "current"), [(5000, 20), (5000, 50), (5000, 100), (100, 100), (200, 3000)]
)
def test_without_drift_a_run_alarms_no_more_often_than_its_level(reference, current):
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(RUNS):
        rows = compare_windows(draw_sample(rng, reference), draw_sample(rng, current), LEVEL)
        alarms += any(row.verdict is Verdict.DRIFT for row in rows)
    assert alarms <= MOST_ALARMS


@pytest.mark.parametrize(
    ("reference", "current", "shift"), [(5000, 100, 0.15), (300, 300, 0.15), (100, 50, 0.3)]
)
def test_a_shift_of_p_yes_is_detected(reference, current, shift):
    """0.15 is three quarters of the standard deviation of p(yes)."""
    alarms = 0
    for seed in range(50):
        rows = compare(YES_NO, {OURS: pair(reference, current, shift, seed)})
        alarms += by_column(rows)["p_yes"].verdict is Verdict.DRIFT
    assert alarms >= binom.ppf(0.001, 50, 0.8)


@pytest.mark.parametrize(("reference", "current"), [(5000, 12), (12, 5000), (30, 30), (0, 500), (500, 0)])
def test_too_few_rows_on_either_side_never_give_a_verdict(reference, current):
    """However far apart the samples are."""
    apart = Pair(sample_of(reference, 0.1, 10), sample_of(current, 0.9, 90))
    rows = compare(YES_NO, {OURS: apart, INPUT: apart})
    checked = [row for row in rows if row.column in {"p_yes", "input_characters"}]
    assert len(checked) == (2 if current else 1)
    for row in checked:
        assert (row.verdict, row.outcome, row.p_adjusted) == (Verdict.TOO_FEW, None, None)
        assert row.needed >= (reference, 0)
        assert row.needed[1] >= current
        assert row.needed != (reference, current)


def test_with_the_rows_that_it_needs_it_tests():
    (needs,) = {row.needed for row in compare(YES_NO, {OURS: pair(5000, 3)}) if row.column == "p_yes"}
    (row,) = [row for row in compare(YES_NO, {OURS: pair(*needs)}) if row.column == "p_yes"]
    assert row.outcome is not None
    (row,) = [row for row in compare(YES_NO, {OURS: pair(needs[0], needs[1] - 1)}) if row.column == "p_yes"]
    assert row.verdict is Verdict.TOO_FEW


def test_constant_columns_are_no_drift():
    constant = sample_of(200, 0.5, 7)
    constant.fill("verdict", ["yes"] * 200)
    constant.fill("candidate_light", ["red"] * 200)
    rows = compare(YES_NO, {OURS: Pair(constant, constant), INPUT: Pair(constant, constant)})
    assert {row.verdict for row in rows} == {Verdict.NONE_SEEN}
    assert {row.p_adjusted for row in rows} == {1.0}


def test_p_yes_that_no_answer_has_is_not_compared():
    neutral = Sample()
    neutral.fill("verdict", ["neutral"] * 200)
    neutral.fill("candidate_light", ["red"] * 200)
    assert set(by_column(compare(YES_NO, {OURS: Pair(neutral, neutral)}))) == {"verdict", "candidate_light"}


def test_the_models_columns_are_of_a_release_and_the_inputs_of_all():
    rows = compare(YES_NO, {INPUT: pair(300, 300), OURS: pair(300, 300)})
    assert set(by_column(rows, OURS)) == {"p_yes", "verdict", "candidate_light"}
    assert set(by_column(rows, INPUT)) == {"input_characters"}  # no texts


def test_a_release_that_answers_no_more_is_left_out_and_a_new_one_waits_for_its_reference():
    old, new = Group("decoder", "en", "old"), Group("decoder", "en", "new")
    rows = compare(YES_NO, {old: pair(500, 0), new: pair(0, 500), INPUT: pair(500, 500)})
    assert {row.group for row in rows} == {new, INPUT}
    assert {row.verdict for row in rows if row.group == new} == {Verdict.TOO_FEW}
    assert by_column(rows, INPUT)["input_characters"].verdict is Verdict.NONE_SEEN


def test_p_values_are_corrected_for_all_tests_of_a_run():
    alone = by_column(compare(YES_NO, {OURS: pair(300, 300, 0.1)}))["p_yes"]
    groups = {Group("decoder", "en", f"m{i}"): pair(300, 300, seed=i + 1) for i in range(9)}
    among = by_column(compare(YES_NO, {OURS: pair(300, 300, 0.1), **groups}), OURS)["p_yes"]
    assert among.outcome == alone.outcome
    assert alone.p_adjusted == pytest.approx(3 * alone.outcome.p_value)
    assert among.p_adjusted == pytest.approx(30 * alone.outcome.p_value)


# --- windows and options ----------------------------------------------------------------------------------


def test_the_current_days_end_now_and_the_reference_ends_where_they_begin():
    windows = windows_of(NOW, current_days=7)
    assert (windows.until, windows.border) == (NOW, NOW - timedelta(days=7))
    assert windows.since == NOW - timedelta(days=35)
    assert windows_of(NOW, current_days=1, reference_days=2).since == NOW - timedelta(days=3)


@pytest.mark.parametrize("start", ["2026-11-01", "2026-11-01T02:00+02:00"])
def test_the_reference_may_begin_at_a_time(start):
    assert windows_of(NOW, current_days=7, reference_from=start).since == datetime(2026, 11, 1, tzinfo=UTC)


WRONG = {
    "no date": (["--reference-from", "gestern"], "--reference-from: got 'gestern'.\nhint: Give a date"),
    "a reference in the current days": (["--reference-from", "2999-01-01"], "Give a time before"),
    "two references": (["--reference-from", "2026-01-01", "--reference-days", "3"], "not both"),
    "a route that is none": (
        ["--route", "both"],
        "--route: got 'both'.\nhint: Choose encoder, decoder, cascade.",
    ),
    "a level of nought": (["--alpha", "0"], "--alpha: got 0.0.\nhint: Choose a number above 0"),
    "a level that is none": (["--alpha", "nan"], "--alpha: got nan.\nhint: Choose a number above 0"),
    "another correction": (["--correction", "none"], "--correction: got 'none'.\nhint: Choose holm or bh."),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_names_option_value_and_hint(name, run):
    options, message = WRONG[name]
    result = run(*options)
    assert result.exit_code == 2
    assert message in result.stderr


# --- over a store -----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path, mlflow_url):
    name = f"drift-{uuid.uuid4().hex}"
    mlflow.MlflowClient(mlflow_url).create_experiment(name, (tmp_path / "artifacts").as_uri())
    task = write_task(tmp_path / "task", name, [])
    return Settings(task=task, state_dir=tmp_path / "run", mlflow_url=mlflow_url)


@pytest.fixture
def run(settings, monkeypatch):
    """Runs the command with these settings, as `signalbox-jobs drift` does."""
    monkeypatch.setenv("SIGNALBOX_TASK", str(settings.task))
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("SIGNALBOX_MLFLOW_URL", settings.mlflow_base_url)
    return lambda *options: CliRunner().invoke(app, ["drift", *options])


def task_name(settings):
    return load_task(settings.task).name


def fill(settings, language="en", rows=400, shift=0.3, now=None):
    """Records of five weeks; in the last one p(yes) is moved and texts are about something else."""
    rng = np.random.default_rng(9)
    now = now or datetime.now(UTC)
    records = []
    for number in range(rows):
        days = float(rng.uniform(0.01, 34.9))
        moved = days < 7 and shift > 0
        p_yes = min(1.0, float(rng.beta(2, 3)) + (shift if moved else 0))
        words = rng.choice(["Roller", "Pflege", "Kassen"] if moved else ["Antrag", "Befund", "Anlage"], 4)
        records.append(
            record(
                f"{' '.join(words)} {number}",
                task=task_name(settings),
                language=language,
                route="decoder",
                created_at=now - timedelta(days=days),
                p_yes=None if number % 50 == 0 else p_yes,
                verdict=YES if p_yes > 0.4 else NO,
                candidate_light=Light.GREEN if abs(p_yes - 0.4) > 0.3 else Light.YELLOW,
            )
        )

    async def write():
        async with open_store(settings.store_url) as store:
            await store.append_many(records)

    asyncio.run(write())


def samples(path):
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return [sample for family in families for sample in family.samples]


def test_drift_is_a_finding_and_not_a_failure(settings, run):
    fill(settings)
    result = run("--route", "decoder")
    assert result.exit_code == 0, result.output
    path = settings.state_dir / "metrics" / f"drift-{task_name(settings)}-decoder.prom"
    detected = {s.labels["column"]: s.value for s in samples(path) if s.name == metrics.DRIFT_DETECTED.name}
    assert (detected["p_yes"], detected["input_text"], detected["verdict"]) == (1, 1, 1)
    assert detected["input_characters"] == 0
    assert f"{sum(detected.values()):.0f} of 6 tests found drift" in result.output
    labels = {metric.name: set(metric.labels) for metric in metrics.ALL}
    assert all(set(s.labels) == labels[s.name] for s in samples(path))
    (done,) = [s for s in samples(path) if s.name == metrics.JOB_LAST_SUCCESS.name]
    assert done.labels == {"job": f"drift-{task_name(settings)}-decoder"}


def test_the_report_is_strict_json_of_the_comparisons(settings, run):
    fill(settings)
    run("--route", "decoder", "--no-log-run")
    path = settings.state_dir / "reports" / f"drift-{task_name(settings)}-decoder.json"
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    (p_yes,) = [row for row in content["comparisons"] if row["column"] == "p_yes"]
    assert p_yes["group"] == {"route": "decoder", "language": "en", "release": RELEASE.key}
    assert p_yes["verdict"] == "drift"
    assert p_yes["p_adjusted"] <= content["alpha"] == ALPHA
    assert p_yes["reference"] + p_yes["current"] == 392  # eight answers had no p(yes)
    assert p_yes["outcome"]["measure"] == "kolmogorov_smirnov"
    assert content["tests_corrected_for"] == 6
    assert [other.name for other in path.parent.iterdir()] == [path.name]  # no partial file is left


def test_the_run_is_in_mlflow_unless_it_is_not_wanted(settings, run):
    fill(settings)
    assert run("--no-log-run").exit_code == 0
    client = mlflow.MlflowClient(settings.mlflow_base_url)
    experiment = client.get_experiment_by_name(task_name(settings))
    assert client.search_runs([experiment.experiment_id]) == []
    assert run().exit_code == 0
    (logged,) = client.search_runs([experiment.experiment_id], "tags.`signalbox.job` = 'drift'")
    assert logged.data.params["alpha"] == "0.01"
    assert logged.data.metrics["drift"] >= 3
    assert logged.data.metrics["p.p_yes.en.decoder.test_toy_r1_none"] < 0.01
    assert {a.path for a in client.list_artifacts(logged.info.run_id)} == {"drift.md", "drift.json"}


def test_an_empty_store_is_no_failure(settings, run):
    result = run()
    assert result.exit_code == 0, result.output
    assert "nothing to compare" in result.output
    for route in ROUTES:
        path = settings.state_dir / "metrics" / f"drift-{task_name(settings)}-{route}.prom"
        assert [s.name for s in samples(path)] == [metrics.JOB_LAST_SUCCESS.name]


def test_a_second_language_with_few_records_does_not_stop_the_first(settings):
    fill(settings, "en")
    fill(settings, "de", rows=15)
    rows = drift(settings, windows_of(datetime.now(UTC), current_days=7)).comparisons
    assert {row.verdict for row in rows if row.group.language == "de"} == {Verdict.TOO_FEW}
    assert by_column(rows, OURS)["p_yes"].verdict is Verdict.DRIFT


def test_without_stored_texts_all_but_the_texts_is_compared(settings):
    async def write():
        async with open_store(settings.store_url, store_text=False) as store:
            changes = {"task": task_name(settings), "route": "decoder"}
            times = [NOW - timedelta(days=i / 10 + 0.01) for i in range(300)]
            await store.append_many([record(f"{i}", created_at=t, **changes) for i, t in enumerate(times)])

    asyncio.run(write())
    rows = drift(settings, windows_of(NOW, current_days=7)).comparisons
    assert set(by_column(rows)) == {
        "p_yes",
        "verdict",
        "candidate_light",
        "input_characters",
        "outcome",
    }


def test_without_mlflow_the_finding_is_shown_and_the_job_fails(settings, run, monkeypatch):
    fill(settings)

    def away(*_):
        raise SetupError("MLflow at http://127.0.0.1:1 does not answer.")

    monkeypatch.setattr(publish.mlflow_runs, "run", away)
    result = run()
    assert result.exit_code == 1
    assert "tests found drift" in result.output
    assert not (settings.state_dir / "metrics").exists()  # else it would look like a success


def test_a_wrong_level_is_rejected_before_anything_is_read(settings):
    with pytest.raises(InputError, match=r"got 0\.5\. Choose a number"):
        drift(settings, windows_of(NOW, current_days=7), alpha=0.5)
    assert not settings.state_dir.exists()


# --- the table --------------------------------------------------------------------------------------------


def report_of(groups):
    windows = windows_of(NOW, current_days=7)
    return Report("toy", ("decoder",), windows, 0.01, "holm", tuple(compare(YES_NO, groups)))


def test_the_table_shows_comparisons_and_the_conclusion():
    drifted = report_of({OURS: pair(5000, 100, 0.2), INPUT: pair(5000, 8)})
    console = Console(width=80, record=True, file=io.StringIO())
    report.show(drifted, console)
    text = console.export_text()
    assert f"en, decoder, {RELEASE.key}" in text
    cells = {cell for row in drifted.comparisons for cell in report.cells_of(row) if cell}
    assert all(part in text for cell in cells for part in cell.split()), "a cell is cut at 80 columns"
    assert "5000/100" in text
    assert "too few to say (needs 5000/" in text
    assert drifted.conclusion in text
    assert all(line.count("|") in {0, 7} for line in report.markdown(drifted).splitlines())


def test_no_drift_comes_with_the_shift_that_would_be_seen():
    row = by_column(report_of({OURS: pair(5000, 100)}).comparisons)["p_yes"]
    assert row.verdict is Verdict.NONE_SEEN
    assert 0.15 < row.shift_seen < 0.25
    assert report.cells_of(row)[-1] == f"no drift seen (sees {row.shift_seen:.2f})"
