"""The generated boards as Grafana reads them: classic JSON without __inputs, and thresholds that equal those of the alerts."""

import json
import re
from pathlib import Path

import pytest
import yaml

from dashboards import settings, thresholds
from dashboards.boards import boards
from dashboards.files import FOLDER, files
from dashboards.panel import Board, Panel, Query, Row
from dashboards.rules.files import recorded
from dashboards.variables import filled
from signalbox.contracts.metric import LATENCY_BUCKETS_SECONDS

UIDS = [board.uid for board in boards()]
# Alert → panels with its threshold.
SHOWN = {
    "SignalboxDetectorNearLimit": ("Detector", thresholds.DETECTOR),
    "SignalboxRedShareHigh": ("Red", thresholds.RED_SHARE),
    "SignalboxLabelsOwed": ("Oldest request", thresholds.LABEL_AGE_DAYS),
    "SignalboxSpoolGrowing": ("Spooled rows", thresholds.SPOOLED),
    "SignalboxQueueLong": ("Waiting requests", thresholds.WAITING),
    "SignalboxKVCacheFull": ("KV cache in use", thresholds.KV_CACHE),
    "SignalboxPreemptions": ("Preemptions", thresholds.PREEMPTIONS),
    "SignalboxFirstTokenSlow": ("Time to the first token", thresholds.FIRST_TOKEN_SECONDS),
    "SignalboxJobFailed": ("Days since the last success", thresholds.JOB_AGE_DAYS),
}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict]:
    texts = files()
    return {uid: json.loads(texts[f"{FOLDER}/dashboards/{uid}.json"]) for uid in UIDS}


@pytest.mark.parametrize("uid", UIDS)
def test_a_board_needs_no_import_by_hand(uid, documents):
    board = documents[uid]
    assert 39 <= board["schemaVersion"] <= 42
    assert "__inputs" not in board
    assert board["uid"] == uid
    assert board["templating"]["list"][0]["type"] == "datasource"
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("uid", UIDS)
def test_a_panel_has_a_question_a_unit_and_says_why_it_is_empty(uid, documents):
    for panel in documents[uid]["panels"]:
        if panel["type"] != "row":
            assert panel["description"].endswith((".", "?"))
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["unit"]
            assert defaults["noValue"]


@pytest.mark.parametrize("uid", UIDS)
def test_panels_do_not_overlap_or_leave_the_grid(uid, documents):
    cells = set()
    for panel in documents[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        cells |= own


@pytest.mark.parametrize("uid", UIDS)
def test_a_board_links_the_others_and_its_runbooks(uid, documents):
    urls = [link["url"] for link in documents[uid]["links"]]
    assert {f"/d/{other}" for other in UIDS if other != uid} <= set(urls)
    assert any(url.endswith(".md") for url in urls)


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.uid)
def test_every_variable_of_a_query_is_a_variable_of_the_board(board):
    built_in = {"__rate_interval", "__range"}
    names = {variable.name for variable in board.variables} | built_in
    for panel in board.panels:
        for query in panel.queries:
            used = {left or right for left, right in re.findall(r"\$(?:\{(\w+)\}|(\w+))", query.expr)}
            assert used <= names, (panel.title, used - names)


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.uid)
def test_a_rate_over_raw_counters_uses_the_interval_of_grafana(board):
    for panel in board.panels:
        for query in panel.queries:
            assert set(re.findall(r"rate\([^\]]+\[([^\]]+)\]", query.expr)) <= {"$__rate_interval"}, (
                panel.title
            )


@pytest.mark.parametrize(("alert", "shown"), SHOWN.items())
def test_a_panel_turns_red_where_its_alert_fires(alert, shown, documents):
    title, threshold = shown
    rules = yaml.safe_load(files()[f"{FOLDER}/rules/alerts.yaml"])["groups"][0]["rules"]
    (rule,) = (rule for rule in rules if rule["alert"] == alert)
    assert re.search(rf" {threshold.operator} {re.escape(str(threshold))}\b", rule["expr"])
    (panel,) = (
        panel for uid in UIDS for panel in documents[uid]["panels"] if panel["title"] == title and rule["annotations"]["dashboard"] == uid
    )  # fmt: skip
    assert [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [
        None,
        threshold.value,
    ]


def test_the_committed_files_are_those_of_the_generator():
    for path, text in files().items():
        assert Path(path).read_text(encoding="utf-8") == text, f"{path}: run `make generate`"


def test_a_panel_with_an_unknown_metric_is_not_written():
    from dashboards.files import check_board
    from signalbox.errors import InputError

    panel = Panel("Load", "How much?", (Query("sum(vllm:gpu_load)"),))
    with pytest.raises(InputError, match="vllm:gpu_load"):
        check_board(Board("a", "A", "", (), (Row("R", (panel,)),)))


def test_a_latency_objective_is_a_bucket_of_the_histogram():
    schema = json.loads(Path("charts/monitoring/values.schema.json").read_text(encoding="utf-8"))
    allowed = schema["properties"]["slo"]["properties"]["latencySeconds"]["enum"]
    assert set(allowed) <= set(LATENCY_BUCKETS_SECONDS)
    assert settings.latency_seconds() in allowed


@pytest.mark.parametrize("expression", ["$a + ${b}", "rate(x[$__rate_interval])"])
def test_variables_are_replaced_in_both_forms(expression):
    assert "$" not in filled(expression)


def test_every_recorded_series_is_on_a_board_or_in_an_alert():
    """No rule is evaluated for nobody."""
    texts = files()
    readers = "".join(text for path, text in texts.items() if path.endswith(".json") or "/rules/" in path)
    for name in recorded():
        assert len(re.findall(rf"{re.escape(name)}\b", readers)) >= 2, name


def test_ratios_have_a_denominator_that_is_not_zero():
    rules = yaml.safe_load(files()[f"{FOLDER}/rules/recording.yaml"])
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        for divisor in re.findall(r" / (\S)", rule["expr"]):
            assert divisor in "(s0123456789", rule[
                "expr"
            ]  # a compared sum, the scalar of an objective, a number
