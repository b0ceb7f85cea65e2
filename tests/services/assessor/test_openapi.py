"""Generated requests over the OpenAPI document find no 5xx."""

from pathlib import Path

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from services.assessor.app import create_app
from services.assessor.schemas import (
    AssessRequest,
    AssessResponse,
    ErrorResponse,
    FeedbackRequest,
    FeedbackResponse,
    Health,
)
from signalbox import keys
from signalbox.settings import Settings
from tests.services.assessor.test_api import Table

SKIPPED = r"^/v1/(chat/completions|models)$"  # passed through: they answer 502 without a decoder


def test_what_is_sent_and_answered_has_an_example(tmp_path: Path) -> None:
    """And every error of an operation has the one form."""
    document = create_app(Settings(state_dir=tmp_path), clients={}).openapi()
    schemas = document["components"]["schemas"]
    named = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
            contents += [answer.get("content", {}) for answer in operation["responses"].values()]
            for content in contents:
                reference = content.get("application/json", {}).get("schema", {}).get("$ref")
                if reference:
                    named.add(reference.rsplit("/", 1)[1])
            if "requestBody" in operation and not path.endswith("completions"):
                assert {"400", "413", "422", "503"} <= set(operation["responses"]), path
    assert {"AssessRequest", "AssessResponse", "FeedbackRequest", "ErrorResponse", "Health"} <= named
    assert [name for name in named if not schemas[name].get("examples")] == []


def test_examples_are_valid() -> None:
    for model in (AssessRequest, AssessResponse, FeedbackRequest, FeedbackResponse, Health, ErrorResponse):
        for example in model.model_json_schema()["examples"]:
            model.model_validate(example)


class Always(Table):
    """Answers every text alike."""

    async def answer(self, text: str, language: str):
        return await super().answer("0.7", language)


def test_keys_are_declared_only_where_they_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "clients.yaml"
    file.write_text("[]")
    app = create_app(Settings(state_dir=tmp_path, api_keys_file=file), clients={})
    document = app.openapi()
    assert document == app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer", "basic"}
    assert [name for wanted in document["security"] for name in wanted] == list(schemes)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            asks = path not in {"/healthz", "/readyz", "/metrics"}
            assert ("401" in operation["responses"]) == asks, path
            assert ("429" in operation["responses"]) == asks, path
            assert operation.get("security") == (None if asks else []), path
    without = create_app(Settings(state_dir=tmp_path), clients={}).openapi()
    assert "security" not in without
    assert "securitySchemes" not in without["components"]


@pytest.mark.slow
@pytest.mark.parametrize("keyed", [False, True], ids=["open", "keyed"])
@pytest.mark.filterwarnings("ignore")
def test_no_request_ends_in_a_server_error(tmp_path_factory: pytest.TempPathFactory, keyed: bool) -> None:
    """Readiness may say 503: there is nothing wrong with that. With keys, most requests come with one."""
    models = {"encoder": Always("small"), "decoder": Always("large")}
    state_dir = tmp_path_factory.mktemp("state")
    entries, key = keys.add([], "generated")
    keys.save(state_dir / "clients.yaml", entries)
    app_settings = Settings(state_dir=state_dir, api_keys_file=state_dir / "clients.yaml" if keyed else None)
    app = create_app(app_settings, clients=models)
    document = schemathesis.openapi.from_dict(app.openapi())
    asked = 0
    statuses = set()
    with TestClient(app, raise_server_exceptions=True) as client:
        for result in document.exclude(path_regex=SKIPPED).get_all_operations():
            operation = result.ok()

            @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(operation.as_strategy())
            def ask(case) -> None:
                nonlocal asked
                asked += 1
                arguments = case.as_transport_kwargs(base_url="http://testserver")
                arguments.pop("cookies", None)
                if keyed and asked % 5:
                    arguments["headers"] = {
                        **(arguments.get("headers") or {}),
                        "Authorization": f"Bearer {key}",
                    }
                answer = client.request(**arguments)
                statuses.add(answer.status_code)
                assert answer.status_code < 500, (case, answer.text)

            ask()
    assert asked > 100
    assert (401 in statuses) == keyed
