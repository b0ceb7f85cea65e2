"""The queue by API and by page: blind, counted once, with its price."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from signalbox import keys
from tests.services.assessor.page_app import make_app
from tests.services.assessor.queue_app import fill, states
from tests.signalbox.request_rows import sampling

PLAN = sampling()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    fill(tmp_path, plans=(PLAN,))
    with TestClient(make_app(tmp_path)) as client:
        yield client


def _next(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/queue/next", json=body)


def _enter(client: TestClient, item: Any, **body: Any) -> Any:
    return client.post("/v1/queue/reviews", json={"id": item["id"], **body})


def test_an_item_has_its_text_and_the_labels_of_the_task(client: TestClient) -> None:
    item = _next(client).json()
    assert set(item) == {"id", "language", "text", "context", "question", "labels"}
    assert item["text"] == "en yes text 0"
    assert [label["word"] for label in item["labels"]] == ["Yes", "No"]


@pytest.mark.parametrize("path", ["/queue", "/v1/queue/progress"])
def test_nothing_tells_the_verdict(tmp_path: Path, path: str) -> None:
    """Answers that differ in their verdict only give the same bytes, but for random names."""
    pages = []
    for verdict in ("yes", "no"):
        folder = tmp_path / verdict
        folder.mkdir()
        fill(folder, 1, plans=(sampling(verdict=verdict),), prefix="same")
        with TestClient(make_app(folder)) as client:
            item = _next(client).json()
            content = client.get(path).text.replace(item["id"], "ID")
            page_item = client.get("/queue").text.split('name="id" value="')
            own = page_item[1].split('"')[0] if len(page_item) > 1 else "ID"
            pages.append(content.replace(own, "ID"))
            assert {key: value for key, value in item.items() if key != "id"} == {
                "language": "en",
                "text": "same text 0",
                "context": [],
                "question": item["question"],
                "labels": item["labels"],
            }
    assert pages[0] == pages[1]


def test_logs_hold_neither_text_nor_verdict(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _enter(client, _next(client).json(), label="no")
        client.get("/queue")
    assert "text 0" not in caplog.text
    assert "verdict" not in caplog.text


def test_an_entry_that_arrives_twice_counts_once(client: TestClient, tmp_path: Path) -> None:
    item = _next(client).json()
    assert _enter(client, item, label="yes").status_code == 201
    assert _enter(client, item, label="yes").status_code == 200
    conflict = _enter(client, item, label="no")
    assert (conflict.status_code, conflict.json()["field"]) == (422, "request_id")
    assert len(states(tmp_path, PLAN)[0].entries) == 1


@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        ({"label": "maybe"}, "label", 422),
        ({}, "label", 422),
        ({"action": "skip", "label": "yes"}, "label", 422),
        ({"action": "undo"}, "action", 422),
        ({"id": "5f0c6c0e-7c7f-4b8e-9d6f-1f1f8a0f6a10.1.1", "label": "yes"}, "request_id", 404),
        ({"id": "nonsense", "label": "yes"}, "id", 404),
    ],
)
def test_a_wrong_entry_is_named_and_changes_nothing(
    client: TestClient, tmp_path: Path, body: dict[str, str], field: str, status: int
) -> None:
    response = _enter(client, _next(client).json(), **body)
    assert (response.status_code, response.json()["field"]) == (status, field)
    assert response.json()["hint"]
    assert all(not state.entries for state in states(tmp_path, PLAN))


def test_an_unknown_language_is_named(client: TestClient) -> None:
    response = _next(client, language="fr")
    assert (response.status_code, response.json()["field"]) == (422, "language")


def test_skip_undo_and_the_end_of_the_queue(client: TestClient, tmp_path: Path) -> None:
    first = _next(client).json()
    _enter(client, first, action="skip")
    assert _next(client).json()["text"] == "en yes text 1"
    again = client.post("/v1/queue/undo").json()
    assert again["text"] == first["text"]
    for action in ("unjudgeable", "label", "label"):
        item = _next(client).json()
        _enter(client, item, action=action, **({"label": "yes"} if action == "label" else {}))
    assert _next(client).status_code == 204
    actions = [[entry.action for entry in state.entries] for state in states(tmp_path, PLAN)]
    assert sorted(map(tuple, actions)) == [("label",), ("label",), ("skip", "undo", "unjudgeable")]


def test_progress_is_a_price_and_leaves_out_what_can_be_undone(tmp_path: Path) -> None:
    fill(tmp_path, 6, plans=(PLAN,))
    with TestClient(make_app(tmp_path)) as client:
        before = client.get("/v1/queue/progress").json()["campaigns"][0]
        for label in ("yes", "yes", "no"):
            _enter(client, _next(client).json(), label=label)
        after = client.get("/v1/queue/progress").json()["campaigns"][0]
        page = client.get("/queue", headers={"accept-language": "de"}).text
    assert (before["labels"], before["wrong"], before["share"]) == (0, 0, 0.35)
    assert (after["labels"], after["wrong"], after["needed"]) == (2, 0, before["needed"])
    assert after["more"] == before["more"] - 2
    assert f"Englisch: 2 von {after['needed']} Antworten, davon 0 gegen das Modell" in page
    assert "die sichersten 35\N{NO-BREAK SPACE}% grün" in page


def test_metrics_count_what_became_of_requests(client: TestClient) -> None:
    _enter(client, _next(client).json(), label="yes")
    _enter(client, _next(client).json(), action="skip")
    page = client.get("/metrics").text
    row = 'signalbox_label_requests_total{language="en",outcome="%s",task="medical",verdict="yes"} %s'
    assert row % ("assigned", "2.0") in page
    assert row % ("label", "1.0") in page
    assert row % ("skip", "1.0") in page


# --- page -------------------------------------------------------------------------------------------------


def _form(client: TestClient) -> dict[str, str]:
    page = client.get("/queue").text
    return {"id": page.split('name="id" value="')[1].split('"')[0]}


def test_the_page_stores_an_answer_and_shows_the_next_text(client: TestClient, tmp_path: Path) -> None:
    page = client.post("/queue", data={**_form(client), "label": "no"})
    assert page.status_code == 200
    assert "en yes text 1" in page.text
    assert states(tmp_path, PLAN)[0].newest.label == "no"


def test_the_page_undoes_the_last_answer(client: TestClient) -> None:
    client.post("/queue", data={**_form(client), "label": "no"})
    page = client.post("/queue", data={"action": "undo"})
    assert "taken back" in page.text
    assert "en yes text 0" in page.text
    assert "nothing to undo" in client.post("/queue", data={"action": "undo"}).text


def test_a_second_browser_gets_another_text(client: TestClient, tmp_path: Path) -> None:
    first = client.get("/queue").text
    client.cookies.clear()
    second = client.get("/queue").text
    assert "en yes text 0" in first
    assert "en yes text 1" in second


@pytest.mark.parametrize("data", [{}, {"action": "label"}, {"label": "maybe"}, {"action": "explode"}])
def test_a_form_without_a_usable_answer_is_named(client: TestClient, data: dict[str, str]) -> None:
    response = client.post("/queue", data={**_form(client), **data})
    assert response.status_code == 422
    assert "No answer was selected" in response.text
    assert "en yes text 0" in response.text


def test_a_form_of_another_site_is_rejected(client: TestClient) -> None:
    data = {**_form(client), "label": "no"}
    assert client.post("/queue", data=data, headers={"origin": "https://evil.example"}).status_code == 403


def test_an_empty_queue_says_when_texts_appear(tmp_path: Path) -> None:
    with TestClient(make_app(tmp_path)) as client:
        assert "No text is waiting" in client.get("/queue").text
        assert "Es wartet kein Text" in client.get("/queue?lang=de").text


# --- keys -------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    entries, ada = keys.add([], "ada", role="reviewer")
    entries, bob = keys.add(entries, "bob", role="reviewer")
    entries, program = keys.add(entries, "program")
    keys.save(tmp_path / "clients.yaml", entries)
    fill(tmp_path, plans=(PLAN,), second=True)
    with TestClient(make_app(tmp_path, api_keys_file=tmp_path / "clients.yaml")) as client:
        yield client, {"ada": ada, "bob": bob, "program": program}


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_reviewer_reaches_the_queue_and_nothing_that_shows_a_verdict(
    guarded: tuple[TestClient, dict[str, str]],
) -> None:
    client, key = guarded
    for path in ("/queue", "/v1/queue/progress"):
        assert client.get(path, headers=_bearer(key["ada"])).status_code == 200
        rejection = client.get(path, headers=_bearer(key["program"]))
        assert (rejection.status_code, rejection.json()["field"]) == (403, "role")
        assert client.get(path).status_code == 401
    for path in ("/", "/v1/predictions/x", "/queues", "/docs"):
        assert client.get(path, headers=_bearer(key["ada"])).status_code == 403
    body = {"text": "x", "language": "en"}
    assert client.post("/v1/assess", json=body, headers=_bearer(key["ada"])).status_code == 403


def test_two_reviewers_answer_a_text_and_their_agreement_is_shown(
    guarded: tuple[TestClient, dict[str, str]], tmp_path: Path
) -> None:
    client, key = guarded
    for name, labels in (("ada", ["yes", "no", "yes"]), ("bob", ["yes", "no", "no"])):
        for label in labels:
            item = client.post("/v1/queue/next", json={}, headers=_bearer(key[name])).json()
            body = {"id": item["id"], "label": label}
            assert client.post("/v1/queue/reviews", json=body, headers=_bearer(key[name])).status_code == 201
    rows = states(tmp_path, PLAN)
    assert {(state.slot, state.entries[0].reviewer) for state in rows} == {(1, "ada"), (2, "bob")}
    (agreement,) = client.get("/v1/queue/progress", headers=_bearer(key["ada"])).json()["agreement"]
    # The newest entry of each person may still be undone.
    assert (agreement["rows"], agreement["equal"], agreement["kappa"]) == (2, 2, 1.0)


def test_a_reviewer_cannot_answer_what_another_one_has(guarded: tuple[TestClient, dict[str, str]]) -> None:
    client, key = guarded
    item = client.post("/v1/queue/next", json={}, headers=_bearer(key["ada"])).json()
    body = {"id": item["id"], "label": "yes"}
    response = client.post("/v1/queue/reviews", json=body, headers=_bearer(key["bob"]))
    assert response.status_code == 404
    assert "another reviewer" in json.dumps(response.json())


def test_a_reviewer_reads_the_passages_that_the_model_read(tmp_path: Path) -> None:
    fill(tmp_path, 2, context=("The rule <allows> it.", "The office closes at five."))
    with TestClient(make_app(tmp_path)) as client:
        page = client.get("/queue?lang=en").text
        item = _next(client).json()
    assert item["context"] == ["The rule <allows> it.", "The office closes at five."]
    assert "The rule &lt;allows&gt; it." in page
