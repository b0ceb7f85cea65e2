"""Every query of every board and rule has data on a live Prometheus.

It scrapes the real local stack under a little load (namespace `live`), and a stub exporter that serves captured pages of what
cannot run here (namespace `stub`). A panel must have live data unless WITHOUT_LIVE_DATA says why it cannot.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from dashboards.boards import boards
from dashboards.metrics import names_in
from dashboards.panel import Board, Panel
from dashboards.rules.alerts import alerts
from dashboards.rules.files import groups, recorded, settings_group
from dashboards.variables import filled
from local import stack
from signalbox.settings import Settings
from tests.dashboards.live import PANELS, WITHOUT_LIVE_DATA, repeated, variables, wait_for
from tests.dashboards.stub_exporter import PAGES, stub_exporter
from tests.e2e.conftest import Running, running
from tests.e2e.prometheus import Prometheus, job, prometheus

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="Prometheus is missing: apt-get install prometheus"
    ),
]

ENGINES = {"vllm-0.24.0": "vllm", "vllm-0.5": "vllm", "vllm-0.8": "vllm", "sglang-0.5.18": "sglang", "sglang-0.4": "sglang", "tgi-3.3": "tgi", "nim-1": "nim"}  # fmt: skip


def ask(client: httpx2.Client, number: int) -> None:
    """An answer of each model, and feedback to one of them."""
    for model in ("encoder", "decoder"):
        body = {"text": f"Say yes and count to {number}.", "language": "de", "model": model}
        answer = client.post("/v1/assess", json=body).raise_for_status().json()
        entry = {"prediction_id": answer["predictions"][0]["id"], "label": "yes"}
    client.post("/v1/feedback", json=entry).raise_for_status()


@contextlib.contextmanager
def load(assessor: str) -> Iterator[None]:
    """Answers and feedback one after the other, each with another text."""
    numbers = itertools.count()
    with (
        httpx2.Client(base_url=assessor, timeout=300) as client,
        repeated(lambda: ask(client, next(numbers))),
    ):
        yield


@pytest.fixture(scope="module")
def live(
    settings: Settings, encoder: Running, tmp_path_factory: pytest.TempPathFactory, decoder_service
) -> Iterator[Prometheus]:
    """Prometheus under load, after a decoder that was killed and started again, which is what failed calls need."""
    logs = settings.logs_dir
    with (
        running(stack.assessor(settings.model_copy(update={"wh_per_1k_tokens": 0.5})), logs) as assessor,
        stub_exporter() as stub,
    ):
        jobs = [
            job("assessor", urlsplit(assessor.url).netloc, namespace="live", service="assessor"),
            job("encoder", urlsplit(encoder.url).netloc, namespace="live", service="encoder"),
            job(
                "decoder",
                urlsplit(decoder_service.url).netloc,
                namespace="live",
                service="model-server",
                engine="llamacpp",
            ),
            *(
                job(page, stub, f"/{page}", namespace="stub", service=page, engine=name)
                for page, name in ENGINES.items()
            ),
            *(
                job(page, stub, f"/{page}", namespace="stub", service=page)
                for page in ("dcgm", "kube-state-metrics", "contracts")
            ),
        ]
        with prometheus(tmp_path_factory.mktemp("prometheus"), jobs) as server:
            with (
                running(decoder_service, logs) as decoder,
                httpx2.Client(base_url=assessor.url, timeout=300) as client,
            ):
                ask(client, 1)
                os.kill(decoder.pid, signal.SIGKILL)
                ask(client, 2)
            with running(decoder_service, logs), load(assessor.url):
                yield server


@pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{board.uid}, {panel.title}" for board, panel in PANELS]
)
def test_every_query_of_a_panel_has_data(board: Board, panel: Panel, live: Prometheus) -> None:
    stubbed = panel.title in WITHOUT_LIVE_DATA.get(board.uid, {})
    values = variables(live, board, "stub" if stubbed else "live")
    for query in panel.queries:
        expression = filled(query.expr, values, missing=".*")
        assert wait_for(live, expression), f"no data: {expression}"


@pytest.mark.parametrize(
    "rule",
    [rule for group in (settings_group(), *groups()) for rule in group.rules],
    ids=lambda rule: rule.record,
)
def test_every_recording_rule_has_a_series(rule, live: Prometheus) -> None:
    matchers = ",".join(f'{name}="{value}"' for name, value in rule.labels.items())
    assert wait_for(live, f"{rule.record}{{{matchers}}}"), f"no series: {rule.expr}"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_every_metric_of_an_alert_has_a_series(alert, live: Prometheus) -> None:
    for name in names_in(alert.expr):
        assert wait_for(live, name), f"no series: {name}"


def test_prometheus_reports_no_error_of_a_rule(live: Prometheus) -> None:
    rules = [rule for group in live.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(alerts()) + sum(len(group.rules) for group in (settings_group(), *groups()))
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []


def test_the_queue_has_one_series_for_each_service(live: Prometheus) -> None:
    assert wait_for(live, "signalbox:requests_waiting")
    assert live.query("count by (namespace, service) (signalbox:requests_waiting) > 1") == []


def test_the_list_of_panels_without_live_data_is_current() -> None:
    for uid, panels in WITHOUT_LIVE_DATA.items():
        (board,) = (board for board in boards() if board.uid == uid)
        assert panels.keys() <= {panel.title for panel in board.panels}


def test_a_board_asks_only_recorded_series_and_names_that_a_page_defines() -> None:
    """Names of the contracts and of captured pages; the generator checks it, and this test checks the generator."""
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.txt"))
    for _, panel in PANELS:
        for query in panel.queries:
            for name in names_in(filled(query.expr)):
                family = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
                known = name.startswith(("signalbox_", "scrape_")) or name in recorded()
                assert known or family in text, name
