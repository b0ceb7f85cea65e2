"""The judge job over a real store and a judge on loopback: queries, files, resumed runs, figures and remarks."""

import asyncio
import contextlib
import json
import logging
import threading
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.judge import report
from pipelines.judge.client import JudgeClient
from pipelines.judge.job import Request, judge
from pipelines.judge.run import RunFolder
from pipelines.judge.trust import Trust
from pipelines.shards import Shard
from signalbox.contracts.labels import NO, YES
from signalbox.contracts.record import Feedback, ModelRelease
from signalbox.errors import InputError, ModelRejected, ModelTimeout, ModelUnavailable, SetupError
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from tests.helpers import RELEASE, record
from tests.pipelines.judges import Stub, completion, judge_server
from tests.pipelines.world import write_task

ALONE = Shard(0, 1)
SECRET = "A sentence that no log may contain."


def answer(number, **changes):
    """A decoder's answer with id rNNN; every fourth one is wrong (a No to a true statement)."""
    verdict = NO if number % 4 == 3 else YES
    fields = {"id": f"r{number:03}", "task": "toy", "route": "decoder", "verdict": verdict, "stated": verdict}
    return record(f"{SECRET} {number}", **{**fields, **changes})


def store_records(settings, records, labels=()):
    """Records and the ground truth, which is always yes."""

    async def write():
        async with open_store(settings.store_url) as store:
            await store.append_many(records)
            for name in labels:
                await store.add_feedback(Feedback(prediction_id=name, label="yes"))

    asyncio.run(write())


@pytest.fixture
def stub():
    """A judge that rates a Yes as right, and everything else as good."""
    return Stub(score=lambda prompt, _: 0.9 if "<answer>\nYes" in prompt else 0.2)


@pytest.fixture
def settings(tmp_path, stub, mlflow_url):
    with judge_server(stub) as url:
        yield Settings(
            task=write_task(tmp_path / "task", "toy", []),
            state_dir=tmp_path / "run",
            mlflow_url=mlflow_url,
            judge_url=url,
            decoder_timeout_seconds=5,
        )


@contextlib.contextmanager
def fresh_judge(settings, stub):
    """The same judge on another port: a request that a failed shard left behind may still reach the first one."""
    other = Stub(score=stub.score)
    with judge_server(other) as url:
        yield settings.model_copy(update={"judge_url": url}), other


def judge_shard(settings, shard=ALONE, *, log_run=False, pauses=(0.0, 0.0), timeout=5.0, **request):
    """One shard of a run, by a judge that waits for nothing between tries."""
    client = JudgeClient(settings.judge_url, model="", timeout_seconds=timeout, pauses=pauses)
    options = {"run": "night", **request}
    return judge(settings, shard, Request(**options), log_run=log_run, client=client)


ASKED = {"asked": True, "asked_at": datetime(2026, 11, 1, tzinfo=UTC), "propensity": 0.5}


def figures(result, criterion, language="en"):
    (row,) = [f for f in result.figures if (f.criterion, f.language) == (criterion, language)]
    return row


def test_answers_are_judged_and_checked_against_people(settings, stub):
    records = [answer(n, **(ASKED if n < 4 else {"propensity": 0.5})) for n in range(12)]
    store_records(settings, records, ["r000", "r001", "r002", "r003"])
    result = judge_shard(settings)
    blind = figures(result, "verdict")
    assert (blind.judged, blind.no_verdict, blind.labels) == (12, 0, 4)
    # The score is the expectation over the verdict words, without the mass of other words.
    assert blind.score == pytest.approx((9 * 0.9 + 3 * 0.2) / 12)
    assert blind.verdict_mass == pytest.approx(0.9)
    assert (blind.agreement, blind.baseline, blind.auc) == (1.0, 0.75, 1.0)
    assert blind.agreement_interval[0] == pytest.approx(0.398, abs=0.001)  # Clopper-Pearson of 4 of 4
    assert (blind.estimate.value, blind.estimate.method) == (0.75, "labels")
    informed = figures(result, "correctness")
    assert (informed.judged, informed.no_verdict, informed.labels, informed.estimate) == (4, 0, 4, None)
    # One call an answer, and one more where there is ground truth; only that one shows it.
    assert len(stub.prompts) == 12 + 4
    assert sum("<ground-truth>" in prompt for prompt in stub.prompts) == 4
    assert all("ground truth" in p for p in stub.prompts if "<ground-truth>" in p)


def test_the_line_of_verdicts_is_forced_where_the_engine_can(settings, stub):
    store_records(settings, [answer(0)])
    judge_shard(settings)
    (body,) = stub.bodies
    assert body["top_logprobs"] == 20
    assert "1: Yes; 2: No" in body["structured_outputs"]["regex"]
    stub.owner = "somebody"
    judge_shard(settings, run="other")
    assert "structured_outputs" not in stub.bodies[-1]


def test_answers_that_cannot_be_judged_are_counted_by_reason(settings):
    records = [
        answer(0),
        answer(1, justification=None),
        answer(2, input_text=None),
        answer(3, error="down", release=None),
        answer(4, route="encoder"),
        answer(5, source="evaluation"),
        answer(6),
    ]
    store_records(settings, records)
    result = judge_shard(settings, sample=1)
    assert result.plan.left_out == {
        "without an answer in words": 1,
        "without stored text": 1,
        "not answered by the model": 1,
        "not in the sample": 1,
    }
    assert result.rows == 1
    assert "Left out: 1 without stored text." in report.remarks(result)
    assert "the judge is unchecked" in report.remarks(result)[-1]


def test_labeled_answers_are_judged_but_do_not_enter_the_mean_of_the_sample(settings):
    store_records(settings, [answer(n) for n in range(40)], [f"r{n:03}" for n in range(3, 40, 4)])
    result = judge_shard(settings, sample=5, seed=1)
    sample = [one for one in result.plan.chosen if one.sampled]
    assert len(sample) == 5
    assert figures(result, "verdict").labels == 10
    means = [0.2 if int(one.id[1:]) % 4 == 3 else 0.9 for one in sample]
    assert figures(result, "verdict").score == pytest.approx(sum(means) / 5)
    other = judge_shard(settings, sample=5, seed=2, run="second")
    assert {one.id for one in other.plan.chosen if one.sampled} != {one.id for one in sample}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (completion("I think it is fine.", []), "not answered"),
        (completion("1: Yes and no; 2: Perhaps; 3: Yes; 4: Yes", []), "no verdict word"),
        (completion("1: Yes; 2: Yes; 3: Yes; 4: Yes", None), "no probabilities"),
    ],
)
def test_an_unreadable_answer_is_no_verdict_and_never_guessed(settings, stub, reply, reason):
    store_records(settings, [answer(0)])
    stub.replies = [(200, reply)]
    result = judge_shard(settings)
    assert figures(result, "answer_relevancy").no_verdict == 1
    assert figures(result, "answer_relevancy").score is None
    (row,) = RunFolder(settings.state_dir, "night").rows(1)
    assert row.scores["answer_relevancy"].reason == reason


def test_a_busy_judge_is_queried_again_within_the_budget(settings, stub):
    store_records(settings, [answer(n) for n in range(6)])
    stub.replies = [(429, b"{}"), (503, b"{}")]
    assert judge_shard(settings).failed == 0
    assert len(stub.prompts) == 6 + 2


def test_a_judge_that_stays_busy_ends_the_shard_and_the_next_try_goes_on(settings, stub):
    store_records(settings, [answer(n) for n in range(6)])
    good = completion("1: Yes; 2: Yes; 3: Yes; 4: Yes", None)
    stub.replies = [(200, good)] * 2 + [(429, b"{}")] * 100
    with pytest.raises(ModelUnavailable, match="429"):
        judge_shard(settings)
    assert len(RunFolder(settings.state_dir, "night").resume(ALONE)) == 2
    assert len(stub.prompts) <= 2 + 2 * 3  # two workers, each with three tries
    with fresh_judge(settings, stub) as (settings, stub):
        assert judge_shard(settings).rows == 6
        assert len(stub.prompts) == 4


def test_bad_json_is_no_reply_and_many_of_them_are_an_error(settings, stub):
    store_records(settings, [answer(n) for n in range(8)])
    stub.replies = [(200, b"<html>")] * 2
    result = judge_shard(settings)
    assert (result.rows, result.failed) == (8, 2)
    assert figures(result, "faithfulness").no_verdict == 2
    stub.replies = [(400, b'{"error": {"message": "too long"}}')] * 8
    with pytest.raises(ModelRejected, match="too long"):
        judge_shard(settings, run="second")


def test_a_judge_that_is_too_slow_is_a_timeout(settings, stub):
    store_records(settings, [answer(n) for n in range(8)])
    waiting = threading.Event()
    stub.score = lambda prompt, question: 0.9 if waiting.wait(5) else 0.1
    try:
        with pytest.raises(ModelTimeout, match=r"0\.05 s"):
            judge_shard(settings, pauses=(), timeout=0.05)
    finally:
        waiting.set()


def test_a_wrong_key_names_the_judges_variable(settings, stub):
    store_records(settings, [answer(n) for n in range(8)])
    stub.replies = [(401, b"{}")] * 100
    with pytest.raises(ModelRejected, match="SIGNALBOX_JUDGE_API_KEY"):
        judge_shard(settings)


def test_without_a_judge_nothing_takes_its_place(settings):
    for url in (None, ""):
        with pytest.raises(SetupError, match="SIGNALBOX_JUDGE_URL"):
            judge(settings.model_copy(update={"judge_url": url}), ALONE, Request())


def test_shards_share_the_answers_and_the_last_one_sums_up(settings, stub):
    store_records(settings, [answer(n) for n in range(30)], ["r001", "r002"])
    assert judge_shard(settings, Shard(2, 3)) is None
    assert judge_shard(settings, Shard(0, 3)) is None
    folder = RunFolder(settings.state_dir, "night")
    assert folder.missing(3) == [1]
    assert not (folder.path / "summary.json").exists()
    result = judge_shard(settings, Shard(1, 3))
    assert result.rows == 30
    assert len(stub.prompts) == 30 + 2
    files = [folder.shard(Shard(i, 3)).read_text().splitlines() for i in range(3)]
    assert all(files)
    assert sorted(json.loads(line)["id"] for file in files for line in file) == [
        f"r{n:03}" for n in range(30)
    ]
    assert json.loads((folder.path / "summary.json").read_text())["rows"] == 30
    assert not any(SECRET in path.read_text() for path in folder.path.glob("*"))


def test_shards_that_end_at_once_lose_no_summary_and_log_one_run(settings, mlflow_url, monkeypatch, tmp_path):
    name = "toy-shards"
    task = write_task(tmp_path / "task", name, [])
    settings = settings.model_copy(update={"task": task})
    MlflowClient(mlflow_url).create_experiment(name, (tmp_path / "artifacts").as_uri())
    store_records(settings, [answer(n, task=name) for n in range(16)])
    together = threading.Barrier(4)
    finish = RunFolder.finish

    def at_once(folder, shard, rows):
        together.wait(20)
        finish(folder, shard, rows)
        together.wait(20)

    monkeypatch.setattr(RunFolder, "finish", at_once)
    results = []
    threads = [
        threading.Thread(target=lambda i=i: results.append(judge_shard(settings, Shard(i, 4), log_run=True)))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.rows for one in results if one is not None] == [16] * 4  # all files were there for each
    client = MlflowClient(mlflow_url)
    (run,) = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    assert run.data.tags["signalbox.job"] == "judge"
    assert run.data.metrics["en.verdict.judged"] == 16
    assert run.data.params["run"] == "night"


def test_a_torn_last_line_is_queried_again_and_nothing_else(settings, stub):
    store_records(settings, [answer(n) for n in range(4)])
    stub.replies = [(200, completion("1: Yes; 2: Yes; 3: Yes; 4: Yes", None))] * 2 + [(500, b"")] * 100
    with pytest.raises(ModelUnavailable):
        judge_shard(settings, pauses=())
    folder = RunFolder(settings.state_dir, "night")
    journal = folder.journal(ALONE).path
    journal.write_bytes(journal.read_bytes()[:-20])
    with fresh_judge(settings, stub) as (settings, stub):
        assert judge_shard(settings).rows == 4
        assert len(stub.prompts) == 3
        assert not journal.exists()
        assert judge_shard(settings).rows == 4
        assert len(stub.prompts) == 3


def test_a_run_keeps_its_options(settings, stub):
    store_records(settings, [answer(n) for n in range(4)])
    judge_shard(settings)
    for changes in ({"sample": 3}, {"days": 2}, {"criteria": ("verdict",)}):
        with pytest.raises(InputError, match="Name another run"):
            judge_shard(settings, **changes)
    stub.name = "judge-2"
    with pytest.raises(InputError, match="judge-2"):
        judge_shard(settings)


def test_a_record_that_was_deleted_meanwhile_is_left_out(settings, stub, monkeypatch):
    store_records(settings, [answer(n) for n in range(4)])
    stub.replies = [(500, b"")] * 100
    with pytest.raises(ModelUnavailable):
        judge_shard(settings, pauses=())
    stub.replies = []
    real = Store.get
    monkeypatch.setattr(Store, "get", lambda self, name: _nothing() if name == "r001" else real(self, name))
    result = judge_shard(settings)
    assert (result.rows, result.deleted, figures(result, "verdict").judged) == (3, 1, 3)


async def _nothing():
    return None


def test_metrics_are_in_one_file_per_route(settings):
    store_records(settings, [answer(n, **(ASKED if n == 0 else {})) for n in range(4)], ["r000"])
    store_records(settings, [answer(10 + n, route="cascade") for n in range(4)])
    judge_shard(settings)
    judge_shard(settings, route="cascade", run="second")
    judge_shard(settings, route="cascade", run="third")
    files = sorted((settings.state_dir / "metrics").glob("*.prom"))
    assert [path.name for path in files] == ["judge-toy-cascade.prom", "judge-toy-decoder.prom"]
    series = []
    for path in files:
        for family in text_string_to_metric_families(path.read_text()):
            series += [(s.name, *sorted(s.labels.items())) for s in family.samples]
    assert len(series) == len(set(series))
    names = {one[0] for one in series}
    assert {"signalbox_judge_score_ratio", "signalbox_judge_agreement_bound_ratio"} <= names
    assert "signalbox_judge_estimate_ratio" in names


def test_a_judge_of_its_own_answers_is_named(settings):
    own = ModelRelease(name="judge-1", revision="unknown", engine="vllm", quantization="unknown")
    store_records(settings, [answer(0, release=own), answer(1, release=RELEASE)])
    result = judge_shard(settings)
    assert result.own_answers == 1
    assert any("models favor their own text" in line for line in report.remarks(result))


def test_labels_of_different_chances_are_weighted(settings):
    records = [answer(0, **{**ASKED, "propensity": 0.2}), answer(3, **{**ASKED, "propensity": 0.8})]
    store_records(settings, records, ["r000", "r003"])
    result = judge_shard(settings)
    assert figures(result, "verdict").agreement == 1.0
    estimate = figures(result, "verdict").estimate
    assert (estimate.method, estimate.value) == ("weighted", pytest.approx(5 / 6.25))


def test_voluntary_labels_give_no_estimate_and_are_called_so(settings):
    """Users choose what to label, with the verdict in sight."""
    store_records(settings, [answer(n) for n in range(40)], [f"r{n:03}" for n in (0, 3, 7)])
    result = judge_shard(settings)
    assert figures(result, "verdict").estimate is None
    labels = result.labels["en"]
    assert (labels.voluntary, labels.voluntary_right, labels.voluntary_response) == (
        3,
        pytest.approx(1 / 3),
        3 / 40,
    )
    text = "\n".join(report.remarks(result))
    assert "en: 3 voluntary labels (7.5% of the answers" in text
    assert "among these 0.333, no estimate of all answers" in text
    assert not any(cell.endswith("labels") for cell in report.cells_of(figures(result, "verdict")))


def test_below_ninety_percent_of_what_was_asked_there_is_no_estimate(settings):
    store_records(settings, [answer(n, **ASKED) for n in range(20)], [f"r{n:03}" for n in range(17)])
    result = judge_shard(settings)
    assert figures(result, "verdict").estimate is None
    assert "17 of 20 labels that were asked for (85%)" in "\n".join(report.remarks(result))
    store_records(settings, [], ["r017"])
    result = judge_shard(settings, run="second")
    assert figures(result, "verdict").estimate.labels == 18


def test_labels_count_where_the_judge_gave_no_verdict(settings, stub):
    """A judge that fails on the wrong answers must not make the model look better."""
    stub.score = lambda prompt, _: 0.9 if "<answer>\nYes" in prompt else None
    records = [answer(n, **ASKED) for n in range(20)]
    store_records(settings, records, [f"r{n:03}" for n in range(20)])
    row = figures(judge_shard(settings), "verdict")
    assert (row.judged, row.no_verdict, row.labels) == (15, 5, 20)
    assert (row.estimate.value, row.agreement) == (0.75, 0.75)
    assert row.gate.wrong.recognized == 0


def test_labels_count_where_there_was_nothing_to_judge(settings, stub):
    records = [answer(n, **ASKED, **({"justification": None} if n % 4 == 3 else {})) for n in range(20)]
    store_records(settings, records, [f"r{n:03}" for n in range(20)])
    result = judge_shard(settings)
    row = figures(result, "verdict")
    assert (row.judged, row.no_verdict, result.rows) == (15, 0, 15)
    assert row.estimate.value == 0.75
    assert len(stub.prompts) == 30  # two calls for each of the others


def test_labels_of_answers_without_stored_text_count(settings):
    records = [answer(n, **ASKED, **({"input_text": None} if n % 4 == 3 else {})) for n in range(20)]
    store_records(settings, records, [f"r{n:03}" for n in range(20)])
    assert figures(judge_shard(settings), "verdict").estimate.value == 0.75


def test_languages_are_not_mixed(settings):
    records = [answer(n, **ASKED, language="de" if n % 4 == 3 else "en") for n in range(20)]
    store_records(settings, records, [f"r{n:03}" for n in range(20)])
    result = judge_shard(settings)
    assert {row.language for row in result.figures} == {"en", "de"}
    assert figures(result, "verdict").estimate.value == 1.0
    assert figures(result, "verdict", "de").estimate.value == 0.0


def test_an_estimate_says_which_answers_it_is_about(settings):
    """Only green candidates are shown red to ask for the ground truth: the others had no chance."""
    records = [answer(n, **(ASKED if n < 10 else {})) for n in range(20)]
    store_records(settings, records, [f"r{n:03}" for n in range(10)])
    assert "the 10 of 20 answers that could be asked for" in "\n".join(report.remarks(judge_shard(settings)))


def test_the_gate_is_shown_logged_and_exported(settings, mlflow_url):
    store_records(settings, [answer(n, **ASKED) for n in range(200)], [f"r{n:03}" for n in range(200)])
    result = judge_shard(settings)
    assert figures(result, "verdict").gate.trust is Trust.TRUSTED
    assert report.is_trusted(figures(result, "verdict"))
    assert figures(result, "faithfulness").gate is None
    assert report.cells_of(figures(result, "faithfulness"))[-2] == "unchecked"
    assert any("are dimmed" in line for line in report.remarks(result))
    path = settings.state_dir / "metrics" / "judge-toy-decoder.prom"
    states = {
        sample.labels["state"]: sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
        if sample.name == "signalbox_judge_trust" and sample.labels["criterion"] == "verdict"
    }
    assert states == {"trusted": 1, "untrusted": 0, "inconclusive": 0}


def test_the_command_shows_the_table_and_logs_no_text(settings, monkeypatch, caplog):
    store_records(settings, [answer(n) for n in range(4)], ["r000"])
    for name in ("task", "state_dir", "judge_url"):
        monkeypatch.setenv(f"SIGNALBOX_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("SIGNALBOX_JUDGE_API_KEY", "k")
    with caplog.at_level(logging.INFO):
        result = CliRunner().invoke(app, ["judge", "--no-log-run", "--sample", "0"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "faithfulness" in result.output
    assert "4 answers of toy, decoder" in result.output
    assert SECRET not in result.output + caplog.text
    events = [json.loads(line)["message"] for line in result.stderr.splitlines() if line.startswith("{")]
    assert {"job started", "shard finished", "run published", "job finished"} <= set(events)
    wrong = CliRunner().invoke(app, ["judge", "--shards", "3"])
    assert wrong.exit_code == 2
