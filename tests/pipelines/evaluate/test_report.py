"""The report, the plots, and the run in MLflow."""

import io
import re

import mlflow
import pytest

from pipelines.evaluate import plots, publish, report
from pipelines.sinks import mlflow_runs, tracking
from signalbox.settings import Settings
from tests.helpers import RELEASE
from tests.pipelines.evaluations import ANSWERS, DE, EN, evaluation

EMPTY = evaluation([("yes", "en", "neutral", None, "red")])


def tables(text):
    """Each Markdown table as its rows of cells."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [[line.strip("|").split("|") for line in block.splitlines()] for block in blocks]


@pytest.mark.parametrize("example", [evaluation(), EMPTY])
def test_every_table_has_a_rule_and_rows_of_one_width(example):
    blocks = tables(report.markdown(example))
    assert len(blocks) == 5
    for table in blocks:
        assert {len(line) for line in table} == {len(table[0])}
        assert set("".join(table[1])) == {"-"}
        assert len(table) > 2


def test_the_tables_show_the_figures():
    text = report.markdown(evaluation())
    assert f"`{RELEASE.key}`" in text
    assert "| hard | en | 4 | 0.50 (0.07-0.93) | 0.50 | 0.58 | 0.50 | 0.52 | 0.48 |" in text
    assert "| hard | en | no | 0 | 1 | 1 |" in text
    # Never green, three yellow of which one is wrong, one red that is wrong.
    assert "| hard | en | 0 % | 75%, 0.33 (0.01-0.91) | 25%, 1.00 (0.03-1.00) |" in text


def test_figures_that_do_not_exist_are_left_out():
    flat = report.flat(EMPTY.summaries[EN])
    assert None not in flat.values()
    assert {"brier", "auc", "error_green", "tokens_per_second", "answer_words"}.isdisjoint(flat)
    assert flat["error_red"] == 1.0
    full = report.flat(evaluation().summaries[EN])
    assert {"brier", "ece", "auc", "verdict_mass", "tokens_per_second", "answer_bullets"} <= set(full)
    assert {f"latency_p{q}_seconds" for q in (50, 90, 95, 99)} <= set(full)
    assert {f"baseline_{name}" for name in ("majority", "length", "tfidf")} <= set(full)


def test_the_reliability_plot_shows_the_bins_with_answers():
    axes = plots.reliability_figure(evaluation(), EN).axes[0]
    line = axes.get_lines()[1]
    points = [(b[0], b[1]) for b in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    assert points == [(0.2, 1.0), (0.3, 0.0), (0.9, 1.0)]
    assert [t.get_text() for t in axes.texts] == ["n=1"] * 3
    assert "hard, en, decoder: n = 3" in axes.get_title()
    assert len(plots.reliability_figure(EMPTY, EN).axes[0].get_lines()) == 1


def test_the_confusion_plot_shows_neutral_as_a_column():
    axes = plots.confusion_figure(evaluation().summaries[EN]).axes[0]
    assert [t.get_text() for t in axes.texts] == ["1", "1", "0", "0", "1", "1"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["yes", "no", "neutral"]


def test_plots_are_drawn():
    for figure in (plots.reliability_figure(EMPTY, EN), plots.confusion_figure(EMPTY.summaries[EN])):
        image = io.BytesIO()
        figure.savefig(image, format="png")
        assert image.getvalue().startswith(b"\x89PNG")


def test_the_run_holds_params_metrics_table_and_plots(tmp_path, mlflow_url):
    client = mlflow.MlflowClient(mlflow_url)
    experiment = client.create_experiment("report", (tmp_path / "artifacts").as_uri())
    settings = Settings(mlflow_url=mlflow_url)
    with tracking.run(settings, "report", "evaluate", "evaluate decoder") as active:
        publish.log_run(active, evaluation(ANSWERS))
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "evaluate decoder"
    assert run.data.tags[mlflow_runs.JOB_TAG] == "evaluate"
    assert run.data.params == {"route": "decoder", "release": RELEASE.key}
    for stratum, summary in evaluation().summaries.items():
        flat = report.flat(summary)
        assert {k: run.data.metrics[f"{k}.{stratum.name}"] for k in flat} == pytest.approx(flat)
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    plots_of = {f"{kind}.{s.name}.png" for kind in ("reliability", "confusion") for s in (EN, DE)}
    assert names == {"evaluation.md", "evaluation.json", *plots_of}
    assert not any(name.endswith((".all", ".en", ".de")) for name in run.data.metrics if ".hard." not in name)


def test_a_run_that_fails_says_so(tmp_path, mlflow_url):
    client = mlflow.MlflowClient(mlflow_url)
    experiment = client.create_experiment("report-fails", (tmp_path / "artifacts").as_uri())
    settings = Settings(mlflow_url=mlflow_url)
    with pytest.raises(ZeroDivisionError), mlflow_runs.run(settings, "report-fails", "evaluate", "x"):
        raise ZeroDivisionError
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FAILED"
