"""A comparison as a user runs it: `signalbox-jobs compare` on models behind URLs, killed and continued."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from fastapi import Response
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.compare import results
from signalbox.errors import ModelUnavailable
from signalbox.models.server import ChatServer
from signalbox.serving import reachable
from tests.pipelines.compare.chat_server import ChatModel, rows, task_of, understands

DATA = [*rows(40, "test"), *rows(24, "calibration"), *rows(4, "few-shot")]
COUNT = 64  # queries to a model: test and calibration rows


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command of the jobs on a task in a folder of the test; gives the result."""

    def invoke(*arguments, data=DATA, status=0, environment=None, **task):
        task_of(tmp_path / "task", data, **task)
        monkeypatch.setenv("SIGNALBOX_TASK", str(tmp_path / "task"))
        monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == status, result.output
        return " ".join(result.output.split())

    return invoke


def answers(tmp_path):
    return results.load(tmp_path / "run" / "reports" / results.FILE_NAME)


def test_a_model_that_reads_is_named_and_one_that_guesses_is_not(run, tmp_path):
    """No word of a text says its label, so that no baseline can know it."""
    plain = [*rows(200, "test"), *rows(24, "calibration"), *rows(4, "few-shot")]
    data = [row.model_copy(update={"text": f"case {row.id}"}) for row in plain]
    labels = {row.text: row.label for row in data}
    clever = ChatModel(lambda text: 0.9 if labels[text] == "yes" else 0.1)
    guessing = ChatModel(lambda text: 0.4 + 0.2 * (len(text) % 2))
    with clever.serving() as one, guessing.serving() as other:
        output = run("compare", "--models", f"{one}#toy-model,{other}#other", "--no-log-run", data=data)
    assert "toy-model does it" in output
    assert "not better than majority" in output
    html = (tmp_path / "run" / "reports" / "comparison.html").read_text(encoding="utf-8")
    assert "toy-model" in html
    assert "<script" not in html
    assert {model.name for model in answers(tmp_path).models} == {
        "toy-model",
        "other",
        "tfidf",
        "length",
        "majority",
    }


def test_nothing_is_queried_twice(run):
    model = ChatModel(understands)
    with model.serving() as url:
        run("compare", "--models", f"{url}#toy-model", "--no-log-run", "--limit", "10")
        first = len(model.queries)
        run("compare", "--models", f"{url}#toy-model", "--no-log-run")
        run("compare", "--models", f"{url}#toy-model", "--no-log-run")
    assert 20 < first < COUNT
    assert len(model.queries) == len(set(model.queries)) == COUNT


@pytest.mark.parametrize("count", [2, 4])
def test_shards_query_each_row_once_and_the_last_one_compares_all(run, tmp_path, count):
    models = ChatModel(understands), ChatModel(understands)
    with models[0].serving() as url:
        run("compare", "--models", f"{url}#toy-model", "--no-log-run")
        whole = answers(tmp_path)
        shutil.rmtree(tmp_path / "run")
    with models[1].serving() as url:
        command = ("compare", "--models", f"{url}#toy-model", "--no-log-run", "--run", "monthly")
        for index in range(count):
            output = run(*command, "--shards", str(count), "--shard", str(index))
            assert ("report:" in output) == (index == count - 1)
        shares = list((tmp_path / "run").rglob("toy-model-*.shard-*.jsonl"))
        assert len(shares) == count
        again = run(*command, "--shards", str(count), "--shard", "0")  # a retried pod publishes nothing twice
        assert "report:" not in again
    assert len(models[1].queries) == len(set(models[1].queries)) == COUNT
    sharded = answers(tmp_path)
    verdicts = [{model.name: model.answers for model in one.models} for one in (whole, sharded)]
    assert verdicts[0] == verdicts[1]


def test_a_run_continues_with_another_number_of_shards(run, tmp_path):
    model = ChatModel(understands)
    with model.serving() as url:
        command = ("compare", "--models", f"{url}#toy-model", "--no-log-run")
        run(*command, "--run", "one", "--shards", "4", "--shard", "3")
        assert "report:" in run(*command)
    assert len(model.queries) == len(set(model.queries)) == COUNT


def test_a_shard_whose_models_are_all_away_fails_and_finishes_nothing(run, tmp_path):
    output = run("compare", "--models", "http://127.0.0.1:9#toy-model", "--run", "one", "--shards", "2", "--shard", "1", status=1)  # fmt: skip
    assert "No model could be queried" in output
    assert not list((tmp_path / "run").rglob("shard-1-of-2"))


def test_other_words_in_the_prompt_are_another_question(run):
    model = ChatModel(understands)
    with model.serving() as url:
        run("compare", "--models", f"{url}#toy-model", "--no-log-run")
        spec = {"system": "another prompt", "words": {"yes": ["Yes"], "no": ["No"]}, "turns": []}
        run("compare", "--models", f"{url}#toy-model", "--no-log-run", languages={"en": spec})
    assert len(model.queries) == 2 * COUNT


@pytest.mark.slow
def test_a_killed_comparison_continues_where_it_was(tmp_path):
    task_of(tmp_path / "task", DATA)
    environment = os.environ | {
        "SIGNALBOX_TASK": str(tmp_path / "task"),
        "SIGNALBOX_STATE_DIR": str(tmp_path / "run"),
    }

    def slowly(text):
        time.sleep(0.05)

    model = ChatModel(understands, failure=slowly)
    with model.serving() as url:
        command = [
            sys.executable,
            "-m",
            "pipelines",
            "compare",
            "--models",
            f"{url}#toy-model",
            "--no-log-run",
        ]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(model.queries) < 10:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = list(model.queries)
        journal = next((tmp_path / "run").rglob("toy-model-*.jsonl"))
        kept = {json.loads(line)["row"] for line in journal.read_text().splitlines() if '"reply"' in line}
        assert 0 < len(kept) <= len(before)
        with journal.open("a", encoding="utf-8") as file:
            file.write('{"kind":"reply","row":"torn')  # half a line, as a power cut leaves it
        subprocess.run(command, env=environment, check=True, capture_output=True)
    after = model.queries[len(before) :]
    assert len(kept) + len(after) == COUNT
    assert len(set(before[: len(kept)]) & set(after)) == 0


def test_repeats_are_averaged(run, tmp_path):
    count = iter(range(10_000))
    model = ChatModel(
        lambda text: (
            understands(text) if text.endswith(("0", "2", "4", "6", "8")) else 0.1 + 0.8 * (next(count) % 2)
        )
    )
    with model.serving() as url:
        run("compare", "--models", f"{url}#toy-model", "--no-log-run", "--repeats", "4")
    assert len(model.queries) == 24 + 4 * 40
    saved = next(one for one in answers(tmp_path).models if one.name == "toy-model")
    assert {len(answer.verdicts) for answer in saved.answers} == {4}
    assert any(len(set(answer.verdicts)) == 2 for answer in saved.answers)


def test_without_log_probabilities_the_text_is_read_and_it_is_said(run):
    model = ChatModel(understands, logprobs=False)
    with model.serving() as url:
        output = run("compare", "--models", f"{url}#toy-model", "--no-log-run")
    assert "toy-model, en: 40 answers without probabilities, read from the text" in output
    assert "1.00 (0.91-1.00)" in output


def test_a_cut_is_set_on_the_calibration_rows(run):
    """The model says no to all, but its probabilities tell the labels apart."""
    model = ChatModel(lambda text: 0.3 if text.startswith("good") else 0.1)
    with model.serving() as url:
        output = run("compare", "--models", f"{url}#toy-model", "--no-log-run")
    assert "toy-model 1.00" in output


def test_a_model_that_is_reached_later_is_waited_for(run, monkeypatch):
    release, errors = ChatServer.release, iter([ModelUnavailable("http://m: refused.")])

    async def later(server):
        if error := next(errors, None):
            raise error
        return await release(server)

    monkeypatch.setattr(ChatServer, "release", later)
    monkeypatch.setattr(reachable, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("SIGNALBOX_SERVER_WAIT_SECONDS", "600")
    model = ChatModel(understands)
    with model.serving() as url:
        output = run("compare", "--models", f"{url}#toy-model", "--no-log-run")
    assert "toy-model 1.00" in output
    assert next(errors, None) is None


# --- what can be wrong ------------------------------------------------------------------------------------


def html(text):
    return Response("<!doctype html><title>Sign in</title>", 200, media_type="text/html")


def test_a_url_that_answers_html_is_named(run):
    model = ChatModel(understands)
    page = ChatModel(understands, failure=html)
    with model.serving() as url, page.serving() as other:
        output = run("compare", "--models", f"{url}#toy-model,{other}#other", "--no-log-run")
    assert "other was skipped:" in output
    assert "the answer is not of the agreed form" in output


def test_no_model_at_all_is_an_error_with_the_causes(run):
    page = ChatModel(understands, failure=html)
    with page.serving() as url:
        output = run(
            "compare", "--models", f"{url}#toy-model,http://127.0.0.1:9/v1#gone", "--no-log-run", status=1
        )
    assert "error: No model could be queried." in output
    assert "gone: http://127.0.0.1:9/v1" in output
    assert "hint: Fix the causes above" in output


def test_a_wrong_key_is_named_with_its_variable(run):
    model = ChatModel(understands, key="right")
    with model.serving() as url:
        wrong = {"SIGNALBOX_COMPARE_API_KEY": "wrong"}
        output = run("compare", "--models", f"{url}#toy-model", status=1, environment=wrong)
        assert "HTTP 401: wrong key. Check the API key (SIGNALBOX_COMPARE_API_KEY)." in output
        right = {"SIGNALBOX_COMPARE_API_KEY": "right"}
        run("compare", "--models", f"{url}#toy-model", "--no-log-run", environment=right)


def test_a_key_is_not_sent_to_a_host_that_it_is_not_of(run):
    first, second = ChatModel(understands), ChatModel(understands)
    with first.serving() as one, second.serving() as other:
        models = f"{one}#toy-model,{other}#other"
        output = run(
            "compare", "--models", models, status=2, environment={"SIGNALBOX_COMPARE_API_KEY": "secret"}
        )
        variable = f"SIGNALBOX_COMPARE_API_KEY_127_0_0_1_{one.split(':')[2].removesuffix('/v1')}"
        assert f"Set {variable} for" in output
        assert (first.keys, second.keys) == (set(), set())
        run(
            "compare",
            "--models",
            models,
            "--no-log-run",
            environment={
                variable: "own",
                "SIGNALBOX_COMPARE_API_KEY_127_0_0_1_" + other.split(":")[2].removesuffix("/v1"): "",
            },
        )
        assert (first.keys, second.keys) == ({"Bearer own"}, {None})


def test_a_name_that_the_server_does_not_have_is_answered_with_those_it_has(run):
    model = ChatModel(understands)
    with model.serving() as url:
        output = run("compare", "--models", f"{url}#typo", status=1)
    assert (
        "no model is called 'typo'. Write its name after `#` in the URL, one of: toy-model, other" in output
    )


def test_a_server_that_fails_half_way_is_skipped_and_its_answers_kept(run):
    def fail(text):
        return Response("{}", 500) if len(model.queries) > 30 else None

    model = ChatModel(understands, failure=fail)
    with model.serving() as url:
        assert "HTTP 500" in run("compare", "--models", f"{url}#toy-model", status=1)
        asked = len(model.queries)
        model.failure = lambda text: None
        run("compare", "--models", f"{url}#toy-model", "--no-log-run")
    assert len(model.queries) - asked == COUNT - 30


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ("a,,b", "Write names with a comma between them"),
        ("decoder,decoder", "`decoder` is in the list 2 times"),
        ("ftp://host/v1#m", "Write https://HOST/v1#MODEL"),
        ("https://user:secret@host/v1#m", "Put the key into SIGNALBOX_COMPARE_API_KEY, not into the URL"),
        ("qwen", "`signalbox compare` starts other models"),
    ],
)
def test_a_wrong_list_of_models_is_named(run, models, words):
    output = run("compare", "--models", models, status=2)
    assert words in output
    assert "secret" not in output


def test_a_tier_without_rows_is_named(run):
    data = [
        *rows(10, "test", tier="hard"),
        *rows(4, "few-shot", tier="hard"),
        *rows(4, "few-shot", tier="everyday"),
    ]
    assert "has no test rows in everyday, en" in run("compare", "--tier", "everyday", data=data, status=2)
    assert "Choose hard" in run("compare", "--tier", "everyday", data=data[:14], status=2)


def test_one_label_only_is_named(run):
    data = [row for row in DATA if row.split != "test" or row.label == "yes"]
    output = run("compare", data=data, status=2)
    assert "The test rows of en have one label only: `yes`." in output
    assert "hint: Add rows of `no`" in output


def test_a_line_of_the_journal_that_is_no_answer_is_named(run, tmp_path):
    model = ChatModel(understands)
    with model.serving() as url:
        run("compare", "--models", f"{url}#toy-model", "--no-log-run")
        journal = next((tmp_path / "run").rglob("toy-model-*.jsonl"))
        lines = journal.read_text().splitlines()
        journal.write_text("\n".join([lines[0], "{}", *lines[1:]]) + "\n")
        output = run("compare", "--models", f"{url}#toy-model", status=2)
    assert f"{journal.name}:2 is not a line of answers." in output


def test_two_comparisons_at_once_do_not_share_a_journal(run, tmp_path):
    from pipelines.shards import locked

    model = ChatModel(understands)
    with model.serving() as url, locked(tmp_path / "run" / "comparisons" / "toy" / "answers" / ".lock"):
        assert "Another comparison writes to" in run("compare", "--models", f"{url}#toy-model", status=1)
    assert model.queries == []


def test_too_few_calibration_rows_are_said(run):
    model = ChatModel(understands)
    data = [*rows(40, "test"), *rows(6, "calibration"), *rows(4, "few-shot")]
    with model.serving() as url:
        output = run("compare", "--models", f"{url}#toy-model", "--no-log-run", data=data)
    assert (
        "toy-model, en: no cut was fitted, so the verdict is the first word: needs at least 20 rows" in output
    )


def test_the_run_in_mlflow_has_the_digest_of_the_data(run, tmp_path):
    import mlflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.MlflowClient(uri).create_experiment("toy", (tmp_path / "artifacts").as_uri())
    model = ChatModel(understands)
    with model.serving() as url:
        output = run("compare", "--models", f"{url}#toy-model", environment={"SIGNALBOX_MLFLOW_URL": uri})
    logged = mlflow.MlflowClient(uri).get_run(output.rsplit("MLflow run: ", 1)[1].split()[0])
    assert logged.inputs.dataset_inputs[0].dataset.digest == answers(tmp_path).data_digest
    assert logged.data.metrics["accuracy.toy-model.en"] == 1.0
    assert logged.data.params["does_it.en"] == "not shown"
    assert {file.path for file in mlflow.MlflowClient(uri).list_artifacts(logged.info.run_id)} == {
        "answers.json",
        "comparison.html",
        "comparison.md",
    }
