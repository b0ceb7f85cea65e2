"""API keys: who may send requests, rate limits, rotation, and requests that other sites cause."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette

from services.assessor import access
from services.assessor.app import create_app
from services.assessor.metrics import Metrics
from services.assessor.routes.pages import FORMS
from signalbox import keys
from signalbox.errors import InputError
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import answering
from tests.services.assessor.test_api import Table

BODY = {"text": "0.7", "language": "en"}
FORM = {"text": "0.7", "language": "en", "model": "encoder"}


class Clients:
    """A clients file as a mounted Secret: `clients.yaml` → `..data/clients.yaml`, `..data` → a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.entries, self.generation = folder, [], 0
        self.path = folder / "clients.yaml"
        self.path.symlink_to("..data/clients.yaml")
        self.mount(keys.dump([]))

    def add(self, client: str, **limits) -> str:
        self.entries, key = keys.add(self.entries, client, **limits)
        self.mount(keys.dump(self.entries))
        return key

    def revoke(self, client: str) -> None:
        self.entries, _ = keys.revoke(self.entries, client)
        self.mount(keys.dump(self.entries))

    def mount(self, text: str) -> None:
        """Exchange the content as kubelet does: a new folder, then one rename of the link."""
        self.generation += 1
        folder = self.folder / f"..{self.generation}"
        folder.mkdir()
        (folder / "clients.yaml").write_text(text, encoding="utf-8")
        link = self.folder / "..data_tmp"
        link.symlink_to(folder.name)
        link.replace(self.folder / "..data")


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    folder = tmp_path / "keys"
    folder.mkdir()
    return Clients(folder)


@pytest.fixture
def settings(tmp_path: Path, clients: Clients) -> Settings:
    return Settings(state_dir=tmp_path / "run", api_keys_file=clients.path)


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient]:
    models = {"encoder": Table("small"), "decoder": Table("large")}
    with TestClient(create_app(settings, clients=models)) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def assess(api: TestClient, key: str) -> int:
    return api.post("/v1/assess", json=BODY, headers=bearer(key)).status_code


def test_a_valid_key_is_accepted(api, clients):
    assert assess(api, clients.add("reports")) == 200


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({}, "(no key)"),
        ({"Authorization": "Bearer "}, "(no key)"),
        ({"Authorization": "Bearer signalbox_wrong"}, "(unknown key)"),
        ({"Authorization": "Digest x"}, "(no key)"),
        ({"Authorization": "Basic not-base64"}, "(no key)"),
        ({"Authorization": b"Bearer \xff\xfe"}, "(unknown key)"),
    ],
)
def test_without_a_valid_key_a_request_is_rejected(api, clients, headers, value):
    clients.add("reports")
    answer = api.post("/v1/assess", json=BODY, headers=headers)
    assert answer.status_code == 401
    problem = answer.json()
    assert (problem["field"], problem["value"]) == ("authorization", value)
    assert "Bearer KEY" in problem["hint"]
    assert (problem["type"], problem["status"]) == ("/problems/unauthorized", 401)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="signalbox"'


def test_every_route_requires_a_key_but_probes_metrics_and_style(api):
    documented = {path.replace("{prediction_id}", "x") for path in api.app.openapi()["paths"]}
    paths = documented | FORMS | {"/", "/docs", "/redoc", "/openapi.json", "/nowhere"}
    open_paths = {path for path in paths if api.get(path, follow_redirects=False).status_code != 401}
    assert open_paths == {"/healthz", "/readyz", "/metrics"}
    assert api.get("/static/page.css").status_code != 401
    assert api.get("/static/../v1/models").status_code == 401


def test_an_open_path_stays_open_only_as_it_is_written(api):
    for path in ("/healthz/", "/metrics/x", "//metrics", "/static"):
        assert api.get(path, follow_redirects=False).status_code == 401, path


def test_without_a_file_no_key_is_required(tmp_path):
    with TestClient(create_app(Settings(state_dir=tmp_path), clients={"encoder": Table("small")})) as api:
        assert api.post("/v1/assess", json=BODY).status_code == 200


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_signs_in_with_client_and_key(api, clients):
    key = clients.add("reports")
    challenge = api.get("/")
    assert challenge.status_code == 401
    assert challenge.headers["www-authenticate"].startswith("Basic ")
    assert api.get("/", auth=("reports", key)).status_code == 200
    assert api.get("/", headers=bearer(key)).status_code == 200


@pytest.mark.parametrize("user", ["", "web", "nobody"])
def test_a_key_is_its_own_clients(api, clients, user):
    key = clients.add("reports")
    clients.add("web")
    answer = api.get("/", auth=(user, key))
    assert answer.status_code == 401
    assert answer.json()["value"] == "(key of another client)"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
@pytest.mark.parametrize("path", ["/assess", "/feedback", "/forget", "/v1/assess", "/v1/chat/completions"])
def test_another_site_cannot_use_the_browsers_sign_in(api, clients, path, headers):
    key = clients.add("reports")
    answer = api.post(path, data=FORM, headers=headers, auth=("reports", key))
    assert answer.status_code == 403
    if path == "/v1/chat/completions":  # in the form of OpenAI's API
        assert answer.json()["error"]["param"] == "origin"
    else:
        assert answer.json()["field"] == "origin"


def test_our_own_page_may_use_the_browsers_sign_in(api, clients):
    key = clients.add("reports")
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}):
        answer = api.post(
            "/assess", data=FORM, headers=headers, auth=("reports", key), follow_redirects=False
        )
        assert answer.status_code == 303
        assert api.post("/v1/assess", json=BODY, headers=headers, auth=("reports", key)).status_code == 200


# --- limits -----------------------------------------------------------------------------------------------


def test_a_client_over_its_limit_learns_when_to_try_again(api, clients):
    key = clients.add("reports", requests_per_minute=6, burst=2)
    other = clients.add("web")
    assert [assess(api, key) for _ in range(2)] == [200, 200]
    answer = api.post("/v1/assess", json=BODY, headers=bearer(key))
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert answer.json()["value"] == "reports"
    assert "6 requests a minute" in answer.json()["detail"]
    assert "Try again in" in answer.json()["hint"]
    assert assess(api, other) == 200
    assert api.get("/readyz").status_code == 200


def test_the_keys_of_a_client_share_its_limit(api, clients):
    first = clients.add("reports", requests_per_minute=1, burst=1)
    second = clients.add("reports")
    assert [assess(api, first), assess(api, second)] == [200, 429]


def test_time_gives_a_client_its_requests_back(clients):
    now = [0.0]
    app = Starlette()
    app.add_middleware(
        access.Access,
        file=access.KeyFile(clients.path),
        metrics=Metrics(load_task(Path("tasks/medical"))),
        clock=lambda: now[0],
    )
    key = clients.add("reports", requests_per_minute=6, burst=1)
    with TestClient(app) as api:
        assert [api.get("/", headers=bearer(key)).status_code for _ in range(2)] == [404, 429]
        now[0] = 10.0
        assert [api.get("/", headers=bearer(key)).status_code for _ in range(2)] == [404, 429]


def test_requests_are_counted_by_client_and_outcome(api, clients):
    key = clients.add("reports", requests_per_minute=1, burst=1)
    for presented in (key, key, "signalbox_wrong"):
        assess(api, presented)
    page = api.get("/metrics").text
    assert 'signalbox_api_requests_total{client="reports",outcome="accepted"} 1.0' in page
    assert 'signalbox_api_requests_total{client="reports",outcome="limited"} 1.0' in page
    assert 'signalbox_api_requests_total{client="",outcome="rejected"} 1.0' in page
    assert 'status="401"' in page


# --- rotation of keys -------------------------------------------------------------------------------------


def test_a_new_key_works_next_to_the_old_one_until_that_is_revoked(api, clients):
    old = clients.add("reports")
    assert assess(api, old) == 200
    new = clients.add("reports")
    assert [assess(api, old), assess(api, new)] == [200, 200]
    clients.entries, _ = keys.revoke(clients.entries, keys.digest(old))
    clients.mount(keys.dump(clients.entries))
    assert [assess(api, old), assess(api, new)] == [401, 200]


def test_a_key_ends_on_its_day(api, clients):
    key = clients.add("reports", expires="2020-01-01T00:00:00Z")
    answer = api.get("/v1/models", headers=bearer(key))
    assert answer.status_code == 401
    assert "expired key" in answer.json()["error"]["message"]


@pytest.mark.parametrize("broken", ["- [", "- client: web\n  sha256: x", "", None])
def test_a_broken_new_file_leaves_the_keys_and_is_logged_once(api, clients, caplog, broken):
    key = clients.add("reports")
    assert assess(api, key) == 200
    if broken is None:
        (clients.folder / "..data").unlink()
    else:
        clients.mount(broken)
    assert [assess(api, key) for _ in range(3)] == [200, 200, 200]
    errors = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert [entry.message for entry in errors] == ["API key file reload failed; keeping previous keys"]
    clients.mount(keys.dump([]))
    assert assess(api, key) == 401


@pytest.mark.parametrize("text", ["- client: reports\n  sha256: x", None])
def test_a_broken_file_at_the_start_is_an_error(clients, settings, text):
    if text is None:
        clients.path.unlink()
    else:
        clients.mount(text)
    with pytest.raises(InputError):
        create_app(settings, clients={})


def test_a_broken_file_at_the_start_ends_the_process_with_one_line(clients, settings):
    clients.mount("- client: reports\n  sha256: signalbox_AbC")
    environment = {**os.environ, "SIGNALBOX_API_KEYS_FILE": str(clients.path), "SIGNALBOX_ASSESSOR_PORT": "1"}
    process = subprocess.run(
        [sys.executable, "-m", "services.assessor"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    cause = json.loads(line)["cause"]
    assert "clients.0.sha256" in cause
    assert "signalbox keys add" in cause
    assert "AbC" not in line


# --- where a key must not go ------------------------------------------------------------------------------


def test_no_key_is_in_the_log(api, clients, caplog):
    caplog.set_level(logging.DEBUG)
    key = clients.add("reports", requests_per_minute=60, burst=1)
    for headers in (bearer(key), bearer(key), bearer("signalbox_unknown")):
        api.post("/v1/assess", json=BODY, headers=headers)
    api.get("/", auth=("web", key))
    clients.mount("- [")
    assess(api, key)
    lines = " ".join(f"{entry.getMessage()} {vars(entry)}" for entry in caplog.records)
    assert "API key file reload failed" in lines
    for secret in (key, "signalbox_unknown", keys.digest(key)):
        assert secret not in lines


def test_the_decoder_never_sees_the_clients_key(tmp_path, clients):
    headers = []

    class Decoder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    key = clients.add("reports")
    with answering(Decoder) as url:
        settings = Settings(
            state_dir=tmp_path / "run",
            api_keys_file=clients.path,
            decoder_url=f"{url}/v1",
            decoder_api_key="own",
        )
        with TestClient(create_app(settings, clients={"encoder": Table("small")})) as api:
            assert api.get("/v1/models", headers=bearer(key)).status_code == 200
            assert api.post("/v1/chat/completions", json={}, headers=bearer(key)).status_code == 200
    assert headers == ["Bearer own", "Bearer own"]
