"""The web page as the server renders it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from fastapi.testclient import TestClient

from services.assessor.access.same_origin import is_same_origin
from services.assessor.web import history, views
from services.assessor.web.language import Texts, negotiate
from services.assessor.web.messages import MESSAGES
from signalbox.contracts.labels import NO, YES, Verdict
from signalbox.contracts.light import Light
from signalbox.contracts.record import Record
from signalbox.store import Store, StoreUnavailable, open_store
from signalbox.tasks import load_task
from tests.helpers import record
from tests.services.assessor.page_app import (
    REASON,
    SLOW,
    SURE,
    TASK,
    TOO_CLOSE,
    UNSURE,
    UNSURE_DE,
    TableClient,
    clients,
    make_app,
)

FORM = {"text": UNSURE, "language": "en", "model": "decoder"}


@pytest.fixture
def models() -> dict[str, TableClient]:
    return clients()


@pytest.fixture
def page(tmp_path: Path, models: dict[str, TableClient]) -> Iterator[TestClient]:
    with TestClient(make_app(tmp_path, models=models)) as client:
        yield client


def assess(page: TestClient, **fields: str) -> str:
    """The page after one assessment."""
    response = page.post("/assess", data={**FORM, **fields})
    assert response.status_code == 200
    return response.text


def answer_id(html: str) -> str:
    match = re.search(r'name="prediction_id" value="([^"]+)"', html)
    assert match
    return match[1]


def plain(html: str) -> str:
    """The words of a page, as a reader gets them."""
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.feed(html)
    return " ".join(" ".join(words).split())


def test_the_form_is_shown_in_both_languages(page: TestClient):
    english = page.get("/", headers={"accept-language": "en-GB,en;q=0.9"}).text
    german = page.get("/", headers={"accept-language": "de-AT,en;q=0.5"}).text
    assert '<html lang="en">' in english
    assert "Does the sentence support the requested measure?" in english
    assert '<html lang="de">' in german
    assert "Befürwortet der Satz die beantragte Maßnahme?" in german
    assert '<option value="de" selected>Deutsch</option>' in german


def test_a_chosen_language_stays(page: TestClient):
    page.get("/", params={"lang": "de"})
    assert '<html lang="de">' in page.get("/", headers={"accept-language": "en"}).text


def test_a_language_survives_without_cookies(page: TestClient):
    response = page.post("/assess", data={**FORM, "lang": "de"}, follow_redirects=False)
    assert "lang=de" in response.headers["location"]


def test_an_unsure_answer_is_yellow_and_complete(page: TestClient):
    words = plain(assess(page))
    for expected in (
        "! Check",
        "Provisional: not certified",
        "The model is not confident enough.",
        "Verdict No",
        "Probabilities Yes 31.0% No 69.0%",
        REASON,
        "example-decoder · none · none",
        "table-1",
    ):
        assert expected in words


def test_the_page_speaks_german_about_a_german_text(page: TestClient):
    words = plain(assess(page, text=UNSURE_DE, language="de", lang="de"))
    for expected in ("! Prüfen", "Vorläufig: nicht zertifiziert", "Ergebnis Nein", "Ja 31,0 % Nein 69,0 %"):
        assert expected in words.replace("\N{NO-BREAK SPACE}", " ")
    assert "zweiter Stelle" not in words


@pytest.mark.parametrize(
    ("verdict", "p_yes", "light", "sentence"),
    [
        (NO, 0.69, Light.YELLOW, "Below the calibrated threshold of this model, therefore “No”"),
        (YES, 0.31, Light.YELLOW, "Above the calibrated threshold of this model, therefore “Yes”"),
        (YES, 0.69, Light.YELLOW, None),
        (NO, 0.31, Light.YELLOW, None),
        (NO, 0.69, Light.RED, None),
    ],
)
def test_a_verdict_against_its_probability_is_explained(
    verdict: Verdict, p_yes: float, light: Light, sentence: str | None
):
    example = record(verdict=verdict, p_yes=p_yes, light=light)
    assert views.answer_view(example, load_task(TASK), Texts("en")).cut_off == sentence


def test_the_list_names_the_route(page: TestClient):
    listed = assess(page, model="encoder").split('id="history-heading"')[1]
    assert "· Encoder · no correct answer entered" in plain(listed)


def test_provisional_is_shown_once(page: TestClient):
    card = assess(page, text=SURE).split('id="feedback"')[0]
    assert plain(card).count("Provisional: not certified") == 1


@pytest.mark.parametrize(
    ("text", "reason"), [(TOO_CLOSE, "Too close to call"), (SLOW, "The model did not answer in time.")]
)
def test_red_withholds_the_verdict_and_shows_its_reason(page: TestClient, text: str, reason: str):
    card = assess(page, text=text).split('id="feedback"')[0].split('id="answer"')[1]
    words = plain(card)
    assert "✕ Withheld" in words
    assert reason in words
    for secret in ("Verdict", "Probability", "51.0", "The documents support it."):
        assert secret not in words.replace("The verdict is withheld", "")


def test_red_withholds_the_verdict_in_the_list_too(page: TestClient):
    listed = assess(page, text=TOO_CLOSE).split('id="history-heading"')[1]
    assert "Withheld</p>" in listed
    assert "Withheld: " not in listed


def test_an_encoder_answers_without_a_justification(page: TestClient):
    assert "an encoder answers without a written justification" in assess(page, model="encoder")


def test_a_cascade_goes_on_to_the_decoder(page: TestClient):
    assert "example-decoder" in assess(page, text=UNSURE, model="cascade")
    assert "example-encoder" in assess(page, text=SURE, model="cascade")


def test_input_and_justification_are_escaped(page: TestClient):
    attack = '</textarea><script>alert("1")</script>'
    html = assess(page, text=attack)  # the table's model repeats an unknown text as its reason
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;") >= 3
    again = page.post("/assess", data={**FORM, "text": attack, "language": "xx"}).text
    assert "&lt;/textarea&gt;&lt;script&gt;" in again
    assert "<script>alert" not in again


def test_nothing_inline_and_a_policy_that_forbids_it(page: TestClient):
    html = assess(page)
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert re.findall(r"<[^>]+\s(?:on\w+|style)=", html) == []
    assert "<style" not in html
    headers = page.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    for path in re.findall(r'(?:href|src)="(static/[^"]+)"', html):
        assert page.get(f"/{path}").status_code == 200


def test_an_answer_comes_by_redirect_so_that_a_reload_queries_no_model(
    page: TestClient, models: dict[str, TableClient]
):
    response = page.post("/assess", data=FORM, follow_redirects=False)
    assert response.status_code == 303
    assert re.fullmatch(r"\./\?answer=[0-9a-f-]{36}#answer", response.headers["location"])
    for _ in range(2):
        assert REASON in page.get("/", params={"answer": response.headers["location"][10:46]}).text
    assert models["decoder"].asked == [(UNSURE, "en")]


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"text": " \r\n "}, "text", "Enter the text"),
        ({"text": "ä" * 4001}, "text", "4,001 characters; the limit is 4,000. Shorten it by 1."),
        ({"text": "a\x00b"}, "text", "Paste it as plain text"),
        ({"language": "fr"}, "language", "“fr” is unknown. Choose one of: English, German."),
        ({"model": "oracle"}, "model", "“oracle” is unknown. Choose one of: Encoder, Decoder, Cascade."),
    ],
)
def test_an_error_is_next_to_its_field_and_the_input_stays(
    page: TestClient, models: dict[str, TableClient], fields: dict[str, str], field: str, hint: str
):
    data = {**FORM, "text": "Stays as typed.", **fields}
    response = page.post("/assess", data=data)
    assert response.status_code == 422
    assert re.search(rf'id="{field}-error" class="error">[^<]*{re.escape(hint)}', response.text)
    described = " ".join(re.findall(r'aria-describedby="([^"]+)"', response.text))
    assert f"{field}-error" in described.split()
    assert data["text"].strip() in response.text
    assert not any(client.asked for client in models.values())


@pytest.mark.parametrize("size", [300_000, 17_000_000])
def test_a_text_far_too_long_is_an_error_on_the_page(page: TestClient, size: int):
    response = page.post("/assess", data={**FORM, "text": "a" * size})
    assert response.status_code == 413
    assert 'id="text-error" class="error">The input is far too long' in response.text
    assert page.post("/v1/assess", content=b"a" * size).json()["field"] == "body"


def test_line_breaks_count_once(page: TestClient, models: dict[str, TableClient]):
    text = "a\r\n" * 1999 + "ab"
    assert page.post("/assess", data={**FORM, "text": text}).status_code == 200
    assert models["decoder"].asked == [(text.replace("\r\n", "\n"), "en")]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"origin": "https://elsewhere.example"}, "text=a", 403),
        ({"origin": "null"}, "text=a", 403),
        ({"sec-fetch-site": "cross-site"}, "text=a", 403),
        ({"content-type": "text/plain"}, "text=a", 415),
        ({}, "text=%FF", 400),
        ({}, "&".join(["a=1"] * 21), 400),
    ],
)
def test_a_form_from_elsewhere_or_broken_changes_nothing(
    page: TestClient, models: dict[str, TableClient], headers: dict[str, str], body: str, status: int
):
    headers = {"content-type": "application/x-www-form-urlencoded", **headers}
    for path in ("/assess", "/feedback", "/forget"):
        response = page.post(path, content=body, headers=headers)
        assert response.status_code == status
        assert 'role="alert"' in response.text
    assert not any(client.asked for client in models.values())


def test_our_own_origin_is_accepted():
    assert is_same_origin({"origin": "http://signalbox.test:8080", "host": "signalbox.test:8080"})
    assert is_same_origin({"sec-fetch-site": "same-origin", "origin": "null", "host": "a"})
    assert not is_same_origin({"origin": "http://signalbox.test:8080", "host": "signalbox.test"})


def test_ground_truth_is_stored_and_confirmed(page: TestClient):
    prediction_id = answer_id(assess(page))
    response = page.post(
        "/feedback", data={"prediction_id": prediction_id, "label": "yes", "comment": "See <page 3>."}
    )
    words = plain(response.text)
    assert response.url.fragment == "feedback"
    assert "Thank you." in words
    assert "Correct answer: Yes." in words
    assert "See &lt;page 3&gt;." in response.text
    assert "correct answer: Yes" in words
    assert 'signalbox_feedback_total{agreement="differs"' in page.get("/metrics").text


def test_ground_truth_without_a_choice_is_an_error_next_to_it(page: TestClient):
    prediction_id = answer_id(assess(page))
    data = {"prediction_id": prediction_id, "comment": "k" * 2001}
    response = page.post("/feedback", data=data)
    assert response.status_code == 422
    assert "Choose “Yes” or “No”." in response.text
    assert "2,001 characters; the limit is 2,000. Shorten it by 1." in response.text
    assert data["comment"] in response.text


@pytest.mark.parametrize("unknown", ["", "../etc", "11111111-1111-1111-1111-111111111111"])
def test_an_unknown_answer_is_an_error(page: TestClient, unknown: str):
    posted = page.post("/feedback", data={"prediction_id": unknown, "label": "yes"})
    assert posted.status_code == 404
    assert "This answer does not exist" in posted.text
    if unknown:
        assert page.get("/", params={"answer": unknown}).status_code == 404


def test_the_last_answers_are_listed_newest_first_and_can_be_forgotten(page: TestClient):
    for number in range(12):
        html = assess(page, text=f"Sentence number {number}.")
    listed = re.findall(r">Sentence number (\d+)\.</a>", html)
    assert listed == [str(number) for number in range(11, 1, -1)]
    cookie = next(c for c in page.cookies.jar if c.name == history.COOKIE)
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    assert "Sentence number" not in page.post("/forget", data={"lang": "en"}).text


def test_another_browser_sees_no_list(page: TestClient):
    assess(page)
    page.cookies.clear()
    assert UNSURE not in page.get("/").text


def test_a_forged_cookie_is_ignored(page: TestClient):
    page.cookies.set(history.COOKIE, "../../etc.<script>.11111111-1111-1111-1111-111111111111")
    response = page.get("/")
    assert response.status_code == 200
    assert "None yet." in response.text


def test_a_text_can_be_edited_and_assessed_again(page: TestClient):
    html = assess(page)
    edit = page.get("/", params={"edit": answer_id(html)}).text
    assert f"{UNSURE}</textarea>" in edit
    assert 'value="decoder" checked' in edit


def test_addresses_of_forms_lead_back_to_the_page(page: TestClient):
    for path in ("/assess", "/feedback", "/forget"):
        assert page.get(path).url.path == "/"


def test_a_store_that_keeps_no_text_still_shows_the_reason(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path}/records.db", store_text=False)
    with TestClient(make_app(tmp_path, store=store)) as page:
        html = assess(page)
        assert REASON in html
        assert UNSURE in html
        assert "autofocus" in html.split('id="answer"')[1].split(">")[0]
        later = page.get("/", params={"answer": answer_id(html)}).text
    assert REASON not in later
    assert f"only its length is kept: {len(UNSURE)} characters" in later


class BrokenStore(Store):
    """A store whose database went away."""

    def __init__(self) -> None:
        self.write_failures = 0

    async def append_many(self, records: object) -> None:
        raise StoreUnavailable("gone")

    async def get(self, record_id: str) -> Record | None:
        raise StoreUnavailable("gone")

    async def feedback_for(self, record_id: str) -> list[object]:  # type: ignore[override]
        raise StoreUnavailable("gone")

    async def ping(self) -> None:
        raise StoreUnavailable("gone")

    @property
    def spooled(self) -> int:
        return 0


def test_an_answer_is_shown_although_the_store_is_unavailable(tmp_path: Path):
    with TestClient(make_app(tmp_path, store=BrokenStore())) as page:
        html = assess(page)
        assert REASON in html
        assert "Earlier answers are temporarily unavailable." in html
        data = {"prediction_id": answer_id(html), "label": "no", "comment": "Kept."}
        response = page.post("/feedback", data=data)
    assert response.status_code == 503
    assert "Nothing was saved" in response.text


def test_a_misconfigured_service_is_an_error_and_the_text_stays(tmp_path: Path):
    app = make_app(tmp_path)
    for path in (tmp_path / "thresholds").iterdir():
        path.write_text("{}")
    with TestClient(app) as page:
        response = page.post("/assess", data=FORM)
    assert response.status_code == 503
    assert "could not be assessed" in response.text
    assert f"{UNSURE}</textarea>" in response.text


def test_every_message_exists_in_every_language_with_the_same_places():
    for key, message in MESSAGES.items():
        assert set(message) == {"en", "de"}, key
        places = [{place for _, place, _, _ in Formatter().parse(text) if place} for text in message.values()]
        assert places[0] == places[1], key


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr, de;q=0.4, en;q=0.3", "de"),
        ("DE-ch", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=x", "en"),
        ("en, de", "en"),
    ],
)
def test_the_language_is_negotiated(header: str, language: str):
    assert negotiate(header) == language


@pytest.mark.parametrize(
    ("share", "english", "german"),
    [
        (0.8312, "83.1%", "83,1\N{NO-BREAK SPACE}%"),
        (1.0, "> 99.9%", "> 99,9\N{NO-BREAK SPACE}%"),
        (0.0, "< 0.1%", "< 0,1\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_probability_is_never_rounded_to_certainty(share: float, english: str, german: str):
    assert (Texts("en").percent(share), Texts("de").percent(share)) == (english, german)
