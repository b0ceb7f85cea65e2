"""Evaluation through the real assessor: figures, journal, interruptions, published runs."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import mlflow
import pytest

from local.stack import as_environment
from pipelines.compare.evaluations import compare_evaluations
from pipelines.compare.job import Options
from pipelines.evaluate.job import evaluate
from pipelines.evaluate.journal import Journal
from pipelines.evaluate.queries import CONCURRENCY
from pipelines.shards import Shard
from pipelines.strata import Stratum, select_rows
from signalbox.contracts.metrics import JOB_LAST_SUCCESS
from signalbox.contracts.routes import ROUTES
from signalbox.errors import InputError, SetupError
from signalbox.store import open_store
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port
from tests.pipelines.world import CUTS, FEW_SHOT, row, rows_right_and_wrong
from tests.services.assessor.page_app import ENCODER

pytestmark = pytest.mark.slow

EN, DE = Stratum(None, "en"), Stratum(None, "de")


def journal_of(world, route="encoder", limit=None):
    """The journal that an evaluation of the world would open now."""
    task = load_task(world.settings.task)
    releases = [world.served[model] for model in ROUTES[route].models]
    return Journal(world.settings, task, route, releases, select_rows(load_data(task, "test"), limit))


def runs_of(world, job="evaluate"):
    """The task's runs in MLflow, newest first."""
    client = mlflow.MlflowClient(world.settings.mlflow_base_url)
    experiment = client.get_experiment_by_name(world.task_name)
    return client.search_runs([experiment.experiment_id], f"tags.`signalbox.job` = '{job}'")


def test_every_route_is_queried_counted_and_published(world):
    evaluations = evaluate(world.settings)
    assert [e.route for e in evaluations] == ["encoder", "decoder", "cascade"]
    assert [set(e.summaries) for e in evaluations] == [{EN, DE}] * 3
    for evaluation in evaluations:
        assert [(s.correct, s.rows) for s in evaluation.summaries.values()] == [(6, 8)] * 2
        assert sum(evaluation.right) == 12
        assert {record.source for record in evaluation.records} == {"evaluation"}
    # Every encoder answer was confident, so the cascade never queried the decoder.
    assert (len(world.encoder.asked), len(world.decoder.asked)) == (32, 16)
    assert evaluations[2].release_key == " → ".join(r.key for r in world.served.values())
    logged = {run.data.params["route"]: run.data.metrics for run in runs_of(world)}
    assert set(logged) == {"encoder", "decoder", "cascade"}
    assert logged["decoder"]["accuracy.en"] == 0.75
    assert not [name for name in logged["decoder"] if not name.endswith((".en", ".de"))]
    assert logged["decoder"]["answer_words.en"] == 3.0
    assert "answer_words.en" not in logged["encoder"]
    assert all(0 < metrics["latency_p95_seconds.de"] < 60 for metrics in logged.values())
    names = {path.name for path in (world.settings.state_dir / "metrics").iterdir()}
    assert {f"evaluate-{world.task_name}-{route}.prom" for route in logged} <= names


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_with_one_model_its_route_alone_is_evaluated_and_compared(world, model):
    other = {"encoder": "decoder", "decoder": "encoder"}[model]
    settings = world.settings.model_copy(update={f"{other}_enabled": False})
    evaluations = evaluate(settings)
    assert [evaluation.route for evaluation in evaluations] == [model]
    names = {entry.name for entry in compare_evaluations(settings, evaluations, Options()).entries}
    assert names == {model, "tfidf", "length", "majority"}


def test_a_finished_evaluation_queries_and_publishes_nothing_again(world):
    first = evaluate(world.settings, routes=["encoder"])
    again = evaluate(world.settings, routes=["encoder"])
    assert again == first
    assert len(world.asked) == 16
    assert len(runs_of(world)) == 1


def test_each_run_renews_the_time_of_success(world):
    """Without it a schedule that has no news would be called stale."""
    evaluate(world.settings, routes=["encoder"])
    page = world.settings.state_dir / "metrics" / f"evaluate-{world.task_name}-encoder.prom"
    page.unlink()
    evaluate(world.settings, routes=["encoder"])
    assert JOB_LAST_SUCCESS.name in page.read_text()
    assert len(runs_of(world)) == 1


@pytest.mark.parametrize("count", [2, 3])
def test_shards_share_the_rows_and_the_last_one_publishes_the_whole(world, count):
    (whole,) = evaluate(world.settings, routes=["encoder"])
    journal_of(world).clear()
    before = len(world.asked)
    results = [evaluate(world.settings, routes=["encoder"], shard=Shard(n, count)) for n in range(count)]
    assert results[:-1] == [[]] * (count - 1)
    (sharded,) = results[-1]
    assert sharded.summaries.keys() == whole.summaries.keys()
    assert [s.accuracy for s in sharded.summaries.values()] == [s.accuracy for s in whole.summaries.values()]
    assert sharded.right == whole.right
    assert len(world.asked) - before == 16
    assert len(runs_of(world)) == 2
    assert evaluate(world.settings, routes=["encoder"], shard=Shard(0, count)) == [sharded]
    assert len(runs_of(world)) == 2


def test_shards_at_the_same_time_publish_once(world):
    with ThreadPoolExecutor(4) as pool:
        shards = [Shard(n, 4) for n in range(4)]
        results = list(
            pool.map(lambda shard: evaluate(world.settings, routes=["encoder"], shard=shard), shards)
        )
    assert [evaluation for result in results for evaluation in result]
    assert len(world.asked) == 16
    assert len(runs_of(world)) == 1


def test_an_evaluation_without_shards_finishes_what_a_shard_began(world):
    assert evaluate(world.settings, routes=["encoder"], shard=Shard(1, 2)) == []
    assert [evaluation.route for evaluation in evaluate(world.settings, routes=["encoder"])] == ["encoder"]
    assert len(world.asked) == 16


def test_fresh_shards_would_delete_each_other_s_answers(world):
    with pytest.raises(InputError, match="--fresh"):
        evaluate(world.settings, fresh=True, shard=Shard(0, 2))


def test_fresh_queries_everything_again_and_publishes_again(world):
    (first,) = evaluate(world.settings, routes=["encoder"])
    (again,) = evaluate(world.settings, routes=["encoder"], fresh=True)
    assert Counter(world.asked).most_common()[-1][1] == 2
    assert {r.id for r in first.records}.isdisjoint(r.id for r in again.records)
    assert len(runs_of(world)) == 2


def test_a_limit_is_the_number_of_rows_of_each_language_and_label(world):
    (evaluation,) = evaluate(world.settings, routes=["encoder"], limit=2)
    assert Counter((r.language, r.label) for r in evaluation.rows) == dict.fromkeys(
        [("en", "yes"), ("en", "no"), ("de", "yes"), ("de", "no")], 2
    )
    assert len(world.asked) == 8


def test_neutral_has_its_own_column_and_counts_as_wrong(new_world):
    words = ["yes 0.9", "neutral 0.9", "slow 0.5", "no 0.1"]
    world = new_world([row(i, "yes" if i < 3 else "no", s) for i, s in enumerate(words)])
    with world.model_servers(), world.assessor():
        (evaluation,) = evaluate(world.settings, routes=["decoder"])
    summary = evaluation.summaries[EN]
    assert summary.confusion == {
        "yes": {"yes": 1, "no": 0, "neutral": 2},
        "no": {"yes": 0, "no": 1, "neutral": 0},
    }
    assert (summary.correct, summary.accuracy) == (2, 0.5)
    assert evaluation.right == [True, False, False, True]
    assert (summary.lights["red"].count, summary.lights["red"].error) == (2, 1.0)


def test_answers_that_the_light_withholds_count(new_world):
    """Red for a p(yes) that is too close to call: the API shows no verdict, the record does."""
    world = new_world([row(0, "yes", "yes 0.51"), row(1, "no", "no 0.1")])
    with world.model_servers(), world.assessor():
        (evaluation,) = evaluate(world.settings, routes=["encoder"])
    assert evaluation.summaries[EN].accuracy == 1.0
    assert evaluation.summaries[EN].lights["red"].coverage == 0.5


def test_no_test_rows_are_named(new_world):
    world = new_world([])
    with world.model_servers(), pytest.raises(InputError, match="split: got 'test'"):
        evaluate(world.settings, routes=["encoder"])


def test_a_language_that_the_baselines_cannot_learn_is_named(new_world):
    world = new_world(rows_right_and_wrong("de"))
    few_shot = [r for r in FEW_SHOT if r.language == "en" or r.label == "yes"]
    data = [*few_shot, *rows_right_and_wrong("de")]
    (world.settings.task / "data.jsonl").write_text("".join(r.model_dump_json() + "\n" for r in data))
    with world.model_servers(), pytest.raises(InputError, match=r"few-shot.*de: yes.*add rows of `no`"):
        evaluate(world.settings, routes=["encoder"])
    assert world.asked == []


def run_program(world, *arguments):
    """`signalbox-jobs evaluate` with the settings of the world."""
    command = [sys.executable, "-m", "pipelines", "evaluate", *arguments]
    environment = {**os.environ, **as_environment(world.settings)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_program_evaluates_the_routes_of_its_options(world):
    done = run_program(world, "--route", "encoder", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert len(world.encoder.asked) == 4
    assert world.decoder.asked == []


def test_the_program_tells_wrong_input_from_what_is_missing(new_world):
    """Kubernetes does not try the former again."""
    world = new_world(rows_right_and_wrong("en"))
    wrong = run_program(world, "--route", "coder")
    assert wrong.returncode == 2
    assert "error: --route: got 'coder'.\nhint: Choose encoder" in wrong.stderr
    assert run_program(world, "--route", "encoder").returncode == 1


def test_an_assessor_elsewhere_is_queried(world):
    url = world.settings.assessor_base_url
    away = world.settings.model_copy(update={"assessor_port": free_port(), "assessor_url": url})
    (evaluation,) = evaluate(away, routes=["encoder"], limit=1)
    assert len(evaluation.records) == 4


# --- stopping and going on --------------------------------------------------------------------------------


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_killed_in_the_middle_it_goes_on_where_it_was(world):
    world.encoder.pause_seconds = 0.1
    environment = {**os.environ, **as_environment(world.settings)}
    process = subprocess.Popen([sys.executable, "-m", "pipelines", "evaluate"], env=environment)
    wait_until(lambda: len(world.asked) >= 6 or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    journalled = set(journal_of(world).done)
    assert 4 <= len(journalled) < 16
    evaluations = evaluate(world.settings, routes=["encoder"])
    assert len(evaluations[0].records) == 16
    times = Counter(text for text, _ in world.encoder.asked)
    twice = {text for text, count in times.items() if count > 1}
    assert len(times) == 16
    assert max(times.values()) <= 2
    assert len(twice) <= CONCURRENCY  # in flight when it died
    assert twice.isdisjoint(r.text for r in evaluations[0].rows if r.id in journalled)


def test_a_torn_last_line_survives_every_later_start(world):
    evaluate(world.settings, routes=["encoder"])
    journal = journal_of(world)
    path = journal.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10]) + lines[10][:9])  # as after a full disk or a power cut
    for _ in range(2):
        (evaluation,) = evaluate(world.settings, routes=["encoder"])
        assert len(evaluation.records) == 16
    assert len(world.asked) == 16 + 6
    after = path.read_bytes().splitlines(keepends=True)
    assert after[:10] == lines[:10]
    # Several requests are under way at once, so lines are in the order of the answers.
    assert sorted(json.loads(line)[0] for line in after) == sorted(row.id for row in evaluation.rows)


def test_an_assessor_that_is_down_is_named_with_its_hint(world):
    away = world.settings.model_copy(update={"assessor_port": free_port()})
    with pytest.raises(SetupError, match=r"does not answer.*SIGNALBOX_ASSESSOR_URL.*so far are kept"):
        evaluate(away, routes=["encoder"])


def test_an_assessor_that_goes_away_costs_no_answer(new_world):
    world = new_world(rows_right_and_wrong("en", 12))
    world.encoder.pause_seconds = 0.05
    raised: list[BaseException] = []

    def run():
        try:
            evaluate(world.settings, routes=["encoder"])
        except SetupError as error:
            raised.append(error)

    with world.model_servers():
        thread = threading.Thread(target=run)
        with world.assessor():
            thread.start()
            wait_until(lambda: len(world.asked) >= 4)
        thread.join()
        assert "so far are kept" in str(raised[0])
        with world.assessor():
            (evaluation,) = evaluate(world.settings, routes=["encoder"])
    assert len(evaluation.records) == 12
    assert len(set(world.asked)) == 12
    assert len(world.asked) <= 12 + CONCURRENCY


def test_an_answer_that_is_an_error_is_shown(new_world):
    world = new_world([row(0, "yes", "yes 0.9 " + "x" * 5000)])
    with world.model_servers(), world.assessor(), pytest.raises(SetupError, match=r"answered 422.*4000"):
        evaluate(world.settings, routes=["encoder"])


def test_without_mlflow_nothing_is_lost(world):
    away = world.settings.model_copy(update={"mlflow_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(SetupError, match="SIGNALBOX_MLFLOW_URL"):
        evaluate(away, routes=["encoder"])
    evaluate(world.settings, routes=["encoder"])
    assert len(world.asked) == 16
    assert len(runs_of(world)) == 1


def test_records_of_another_database_are_named(world):
    evaluate(world.settings, routes=["encoder"])
    elsewhere = f"sqlite:///{world.settings.state_dir}/other.db"
    with pytest.raises(SetupError, match="SIGNALBOX_DATABASE_URL"):
        evaluate(world.settings.model_copy(update={"database_url": elsewhere}), routes=["encoder"])
    assert len(world.asked) == 16 + 2  # a row of each language


def delete_records(world):
    """What retention does with records that are old enough."""

    async def purge():
        async with open_store(world.settings.store_url) as store:
            return await store.purge(datetime.now(UTC) + timedelta(days=1))

    assert asyncio.run(purge()) > 0


def test_rows_whose_records_retention_deleted_are_queried_again(world):
    (first,) = evaluate(world.settings, routes=["encoder"])
    delete_records(world)
    for _ in range(2):
        (again,) = evaluate(world.settings, routes=["encoder"])
        assert again.right == first.right
        assert Counter(Counter(world.asked).values()) == {2: 16}
    assert len(runs_of(world)) == 2


def test_shards_query_again_what_retention_deleted(world):
    shards = [Shard(n, 2) for n in range(2)]
    evaluate(world.settings, routes=["encoder"])
    delete_records(world)
    results = [evaluate(world.settings, routes=["encoder"], shard=shard) for shard in shards]
    assert [len(result) for result in results] == [0, 1]
    assert Counter(Counter(world.asked).values()) == {2: 16}
    delete_records(world)
    results = [evaluate(world.settings, routes=["encoder"], shard=shard) for shard in reversed(shards)]
    assert [len(result) for result in results] == [0, 1]
    assert Counter(Counter(world.asked).values()) == {3: 16}
    assert len(evaluate(world.settings, routes=["encoder"])) == 1
    assert Counter(Counter(world.asked).values()) == {3: 16}


# --- what makes a journal stale ---------------------------------------------------------------------------


def test_another_release_is_queried_anew(world):
    evaluate(world.settings, routes=["encoder"])
    world.change_encoder("table-2")
    evaluate(world.settings, routes=["encoder"])
    assert Counter(Counter(world.asked).values()) == {2: 16}


def test_a_model_that_changes_meanwhile_is_named(world):
    world.change_encoder("table-2")
    world.served["encoder"] = ENCODER  # the release that the server named before the queries
    with pytest.raises(SetupError, match=r"table-2.*changed meanwhile"):
        evaluate(world.settings, routes=["encoder"], limit=1)
    assert len(world.asked) == 2  # a row of each language
    world.encoder._release = ENCODER
    (evaluation,) = evaluate(world.settings, routes=["encoder"], limit=1)
    assert {record.release for record in evaluation.records} == {ENCODER}
    assert len(world.asked) == 2 + 4


def test_another_prompt_is_queried_anew_once_the_assessor_has_it(new_world):
    world = new_world([*rows_right_and_wrong("en"), *rows_right_and_wrong("de")])
    path = world.settings.task / "task.yaml"
    with world.model_servers():
        with world.assessor():
            evaluate(world.settings, routes=["decoder", "encoder"])
            path.write_text(path.read_text().replace("system: s", "system: another", 1))
            with pytest.raises(SetupError, match=r"another prompt.*Restart the assessor"):
                evaluate(world.settings, routes=["decoder"])
            assert len(world.decoder.asked) == 16 + 2  # a row of each language
        with world.assessor():
            (evaluation,) = evaluate(world.settings, routes=["decoder"])
            assert len(evaluation.records) == 16
            assert len(world.decoder.asked) == 16 + 2 + 16
            evaluate(world.settings, routes=["encoder"])
    assert len(world.encoder.asked) == 16
    assert Counter(run.data.params["route"] for run in runs_of(world)) == {"decoder": 2, "encoder": 1}


@pytest.mark.parametrize("change", ["threshold", "row"])
def test_another_threshold_or_row_is_queried_anew(world, change):
    evaluate(world.settings, routes=["encoder"], limit=1)
    if change == "threshold":
        world.calibrate(CUTS.model_copy(update={"decision": 0.6}))
    else:
        path = world.settings.task / "data.jsonl"
        path.write_text(path.read_text().replace("en-test-0", "en-test-zero"))
    evaluate(world.settings, routes=["encoder"], limit=1)
    assert len(world.asked) == 8


def test_an_encoders_change_leaves_the_decoders_journal(world):
    evaluate(world.settings, routes=["decoder"])
    world.served["encoder"] = world.served["encoder"].model_copy(update={"revision": "table-2"})
    evaluate(world.settings, routes=["decoder"])
    assert len(world.asked) == 16


def test_the_records_are_those_of_the_store(world):
    (evaluation,) = evaluate(world.settings, routes=["encoder"])

    async def read():
        async with open_store(world.settings.store_url) as store:
            return {record.id: record for record in await store.records(source="evaluation")}

    stored = asyncio.run(read())
    assert [stored[record.id] for record in evaluation.records] == list(evaluation.records)
