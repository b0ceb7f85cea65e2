"""Generated requests over the OpenAPI document find no 5xx."""

from pathlib import Path

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from services.assessor.app import create_app
from services.assessor.routes.requests import AssessRequest
from services.assessor.schemas import (
    AssessResponse,
    FeedbackRequest,
    FeedbackResponse,
    Health,
    OpenAIErrorResponse,
    Problem,
)
from signalbox import keys
from signalbox.settings import Settings
from tests.services.assessor.test_api import Table

SKIPPED = r"^/v1/(chat/completions|models)$"  # passed through: they answer 502 without a decoder


def test_every_body_has_an_example(tmp_path: Path) -> None:
    """And every operation with a body lists its errors."""
    document = create_app(Settings(state_dir=tmp_path), clients={}).openapi()
    schemas = document["components"]["schemas"]
    names = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
            contents += [answer.get("content", {}) for answer in operation["responses"].values()]
            for content in contents:
                reference = content.get("application/json", {}).get("schema", {}).get("$ref")
                if reference:
                    names.add(reference.rsplit("/", 1)[1])
            if "requestBody" in operation and not path.endswith("completions"):
                assert {"400", "413", "422", "503"} <= set(operation["responses"]), path
    assert {"AssessRequest", "AssessResponse", "FeedbackRequest", "OpenAIErrorResponse", "Health"} <= names
    assert [name for name in names if not schemas[name].get("examples")] == []


def test_examples_are_valid() -> None:
    for model in (
        AssessRequest,
        AssessResponse,
        FeedbackRequest,
        FeedbackResponse,
        Health,
        Problem,
        OpenAIErrorResponse,
    ):
        for example in model.model_json_schema()["examples"]:
            model.model_validate(example)


@pytest.mark.parametrize("keys_required", [False, True])
def test_every_error_has_its_schema_and_media_type(tmp_path: Path, keys_required: bool) -> None:
    file = tmp_path / "clients.yaml"
    file.write_text("[]")
    app_settings = Settings(state_dir=tmp_path, api_keys_file=file if keys_required else None)
    document = create_app(app_settings, clients={}).openapi()
    assert document["components"]["schemas"]["Problem"]["examples"]
    count = 0
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) < 400 or path == "/readyz":
                    continue
                ((media_type, content),) = answer["content"].items()
                schema = content["schema"]["$ref"].rsplit("/", 1)[1]
                openai = path in {"/v1/chat/completions", "/v1/models"}
                assert media_type == ("application/json" if openai else "application/problem+json"), path
                assert schema == ("OpenAIErrorResponse" if openai else "Problem"), path
                count += 1
    assert count > 15


class Always(Table):
    """Answers every text alike."""

    async def answer(self, text: str, language: str):
        return await super().answer("0.7", language)


def test_keys_are_documented_only_where_they_are_required(tmp_path: Path) -> None:
    file = tmp_path / "clients.yaml"
    file.write_text("[]")
    app = create_app(Settings(state_dir=tmp_path, api_keys_file=file), clients={})
    document = app.openapi()
    assert document == app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer", "basic"}
    assert [name for scheme in document["security"] for name in scheme] == list(schemes)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            required = path not in {"/healthz", "/readyz", "/metrics"}
            assert ("401" in operation["responses"]) == required, path
            assert ("429" in operation["responses"]) == required, path
            assert operation.get("security") == (None if required else []), path
    without = create_app(Settings(state_dir=tmp_path), clients={}).openapi()
    assert "security" not in without
    assert "securitySchemes" not in without["components"]


@pytest.mark.slow
@pytest.mark.parametrize("keyed", [False, True], ids=["open", "keyed"])
@pytest.mark.filterwarnings("ignore")
def test_no_request_ends_in_a_server_error(tmp_path_factory: pytest.TempPathFactory, keyed: bool) -> None:
    """Readiness may answer 503, which is right. With keys, most requests have one."""
    models = {"encoder": Always("small"), "decoder": Always("large")}
    state_dir = tmp_path_factory.mktemp("state")
    entries, key = keys.add([], "generated")
    keys.save(state_dir / "clients.yaml", entries)
    app_settings = Settings(state_dir=state_dir, api_keys_file=state_dir / "clients.yaml" if keyed else None)
    app = create_app(app_settings, clients=models)
    document = schemathesis.openapi.from_dict(app.openapi())
    count = 0
    statuses = set()
    with TestClient(app, raise_server_exceptions=True) as client:
        for result in document.exclude(path_regex=SKIPPED).get_all_operations():
            operation = result.ok()

            @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
            @given(operation.as_strategy())
            def ask(case) -> None:
                nonlocal count
                count += 1
                arguments = case.as_transport_kwargs(base_url="http://testserver")
                arguments.pop("cookies", None)
                if keyed and count % 5:
                    arguments["headers"] = {
                        **(arguments.get("headers") or {}),
                        "Authorization": f"Bearer {key}",
                    }
                answer = client.request(**arguments)
                statuses.add(answer.status_code)
                assert answer.status_code < 500, (case, answer.text)

            ask()
    assert count > 100
    assert (401 in statuses) == keyed
