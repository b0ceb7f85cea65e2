"""The page /plan: the planner's own answer behind a form, errors as sentences, and nothing while it is off."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from signalbox import keys
from signalbox.capacity.answers.page import page, page_parts
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.request import Request
from signalbox.settings import Settings
from tests.services.assessor.page_app import TASK, clients

QUESTION = {"model": "llama-3.1-8b", "gpu": "L4", "context": "16384"}
SAME = Request(model="llama-3.1-8b", gpu="L4", context=16384)


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[TestClient]:
    settings = Settings(
        task=TASK, state_dir=tmp_path_factory.mktemp("state"), plan_enabled=True, plan_seconds=300
    )
    with TestClient(create_app(settings, clients=clients())) as client:
        yield client


@pytest.fixture
def site(app) -> TestClient:
    """A browser without the cookie of a language."""
    app.cookies.clear()
    return app


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_an_address_without_a_question_is_the_form(site):
    response = site.get("/plan")
    assert response.status_code == 200
    assert '<option value="meta-llama/Llama-3.1-8B">' in response.text
    assert 'id="data"' not in response.text


def test_the_answer_is_that_of_the_command_line(site):
    response = site.get("/plan", params=QUESTION)
    parts = page_parts(SAME, default_catalogue())
    assert response.status_code == 200
    assert parts.body in response.text
    assert f'<script type="application/json" id="data">{parts.script_data}</script>' in response.text
    assert 'value="16384"' in response.text


def test_the_file_is_that_of_the_command_line(site):
    response = site.get("/plan", params={**QUESTION, "file": "1"})
    assert response.headers["content-disposition"] == 'attachment; filename="plan.html"'
    assert response.text == page(SAME, default_catalogue(), today=datetime.now().astimezone().date())


def test_a_plan_that_does_not_fit_lists_what_would(site):
    response = site.get("/plan", params={"model": "Llama-3.3-70B-Instruct", "gpu": "l4", "lang": "de"})
    assert response.status_code == 200
    assert "Möglichkeiten, die passen" in response.text
    assert "vllm serve" not in response.text


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"model": "llama-3.1-8b", "gpu": "L5"}, "Unknown GPU l5 . Did you mean l4 , l40 or l40s ?"),
        ({"model": "lama-3.1-9b"}, "Unknown model lama-3.1-9b ."),
        ({"model": "llama-3.1-8b", "gpu": "auto"}, "auto is for the command line: this page runs on a server."),
        ({"model": "hf:org/name"}, "hf:org/name is not a name of the catalog."),
        ({"model": "/etc/passwd"}, "/etc/passwd is not a name of the catalog."),
        ({"model": "x/llama-3.1-8b.gguf"}, "x/llama-3.1-8b.gguf is not a name of the catalog."),
        ({"gpu": "L4"}, "Enter a model."),
        ({"model": "llama-3.1-8b", "context": "many"}, "Enter a whole number from 1 to 10,000,000."),
        ({"model": "llama-3.1-8b", "context": "9" * 5000}, "Enter at most 120 characters"),
        ({"model": "x" * 5000}, "Enter at most 120 characters"),
        ({"model": "<script>alert(1)</script>"}, "is not a name of the catalog."),
    ],
)  # fmt: skip
def test_an_error_is_a_sentence_next_to_the_form(site, question, message):
    response = site.get("/plan", params=question)
    assert response.status_code == 422
    assert message.lower() in text(response.text).lower()
    assert 'aria-invalid="true"' in response.text
    assert "<script>alert" not in response.text


def test_the_page_has_the_headers_of_the_others(site):
    own, other = site.get("/plan", params=QUESTION).headers, site.get("/").headers
    for name in ("content-security-policy", "cache-control", "referrer-policy", "x-content-type-options"):
        assert own[name] == other[name]
    for path in re.findall(r'(?:src|href)="(static/[^"]*)"', site.get("/plan", params=QUESTION).text):
        assert site.get(f"/{path}").status_code == 200


def test_the_main_page_links_to_it(site):
    assert 'href="plan"' in site.get("/").text


def test_the_page_requires_a_key_and_its_files_do_not(tmp_path):
    entries, key = keys.add([], "ward-7")
    path = tmp_path / "clients.yaml"
    path.write_text(keys.dump(entries))
    settings = Settings(
        task=TASK, state_dir=tmp_path, plan_enabled=True, plan_seconds=300, api_keys_file=path
    )
    with TestClient(create_app(settings, clients=clients())) as client:
        assert client.get("/plan").status_code == 401
        assert client.get("/plan", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        assert client.get("/static/plan/plan.js").status_code == 200


def test_while_it_is_off_there_is_no_page_and_nothing_of_the_planner_is_imported(tmp_path):
    settings = Settings(task=TASK, state_dir=tmp_path)
    with TestClient(create_app(settings, clients=clients())) as client:
        assert client.get("/plan").status_code == 404
        assert 'href="plan"' not in client.get("/").text
    code = (
        "import sys; import services.assessor.app; "
        "print([name for name in sys.modules if 'capacity' in name or 'assessor.plan' in name])"
    )
    root = Path(__file__).parents[4]
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert process.stdout.strip() == "[]"
