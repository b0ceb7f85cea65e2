"""The `helm test` pod of the assessor's chart, run against the real assessor."""

import ast
import subprocess
import sys

import pytest

from signalbox.contracts.light import LightReason
from signalbox.errors import ModelUnavailable
from tests.charts.conftest import GENERATED, one, render
from tests.helpers import free_port
from tests.services.assessor.page_app import (
    ENCODER,
    SLOW,
    SURE,
    TableClient,
    clients,
    make_app,
    serving,
)


def test_the_helm_test_queries_the_service_and_knows_every_reason_for_no_answer():
    pod = one(render("assessor"), "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    script = pod["spec"]["containers"][0]["command"][2]
    (reasons,) = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Set)]
    assert set(ast.literal_eval(reasons)) == {
        reason.value
        for reason in (
            LightReason.TIMEOUT,
            LightReason.UNAVAILABLE,
            LightReason.REJECTED,
            LightReason.UNPARSABLE,
        )
    }


def test_the_helm_test_can_be_disabled():
    objects = render("assessor", {"helmTest": {"enabled": False}})
    assert [item for item in objects if item["kind"] == "Pod"] == []
    assert "x-assessor-test" not in {item["metadata"]["name"] for item in objects}


@pytest.fixture
def helm_test(tmp_path):
    """Run what the pod of `helm test` runs against the real assessor over models that answer from a table.

    The assessor reads the clients file of the chart; `with_key` is whether the pod has the key.
    """
    objects = render("assessor", GENERATED["assessor"])
    secret = one(objects, "Secret", "x-assessor-keys")["stringData"]
    file = tmp_path / "clients.yaml"
    file.write_text(secret["clients.yaml"], encoding="utf-8")
    with serving(make_app(tmp_path, api_keys_file=file), free_port()) as url:

        def run(text: str, *, with_key: bool = True) -> subprocess.CompletedProcess[str]:
            container = one(render("assessor", {"helmTest": {"text": text}}), "Pod")["spec"]["containers"][0]
            environment = {item["name"]: item["value"] for item in container["env"] if "value" in item}
            for item in container["env"]:
                if with_key and "valueFrom" in item:
                    environment[item["name"]] = secret[item["valueFrom"]["secretKeyRef"]["key"]]
            environment["ASSESSOR"] = url.removeprefix("http://")
            _, *arguments = container["command"]
            command = [sys.executable, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        yield run


def test_the_helm_test_without_a_key_fails_with_what_is_missing(helm_test):
    done = helm_test(SURE, with_key=False)
    assert done.returncode == 1
    assert "HTTP 401" in done.stderr
    assert "Bearer KEY" in done.stderr


def test_the_helm_test_passes_when_both_models_answer(helm_test):
    done = helm_test(SURE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "encoder: light yellow (provisional), verdict yes, release example-encoder table-1",
        "decoder: light yellow (provisional), verdict yes, release example-decoder table-1",
    ]


def test_the_helm_test_fails_when_a_model_gives_no_answer(helm_test):
    done = helm_test(SLOW)
    assert done.returncode == 1
    assert done.stderr.startswith("encoder: no answer, timeout")
    assert done.stdout.count("encoder: no answer in time, asking again") == 2


def test_the_helm_test_fails_with_the_error_of_the_assessor(helm_test):
    done = helm_test("x" * 9000)
    assert done.returncode == 1
    assert "HTTP 4" in done.stderr


@pytest.mark.parametrize(("models", "status"), [(["encoder", "decoder"], 0), (["encoder"], 1)])
def test_the_helm_test_passes_with_an_untrained_encoder_if_the_decoder_answers(tmp_path, models, status):
    class Untrained(TableClient):
        async def answer_many(self, texts, language):
            raise ModelUnavailable("connection refused")

    app = make_app(tmp_path, models=clients() | {"encoder": Untrained(ENCODER, reasons=False)})
    values = {"helmTest": {"text": SURE, "models": models}, "apiKeys": {"enabled": False}}
    container = one(render("assessor", values), "Pod")["spec"]["containers"][0]
    environment = {item["name"]: item["value"] for item in container["env"]}
    with serving(app, free_port()) as url:
        environment["ASSESSOR"] = url.removeprefix("http://")
        command = [sys.executable, *container["command"][1:]]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    lines = [
        "encoder: unavailable, its release may not be trained yet",
        "decoder: light yellow (provisional), verdict yes, release example-decoder table-1",
    ]
    assert done.stdout.splitlines() == lines[: len(models)]
    assert done.stderr.strip() == ("" if status == 0 else "No model gives an answer.")
