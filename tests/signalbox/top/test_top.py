"""`signalbox top`: figures from readings, the command with a page of metrics, and with a real Prometheus."""

import io
import math
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console
from typer.testing import CliRunner

from signalbox.cli import installed_app
from signalbox.contracts import certificate_metrics as certificate
from signalbox.contracts import metrics as names
from signalbox.contracts.light import Light
from signalbox.top.figures import RECORDED, figures_of
from signalbox.top.reading import Reading
from signalbox.top.show import screen
from tests.helpers import answering

NOW = 1_800_000_000.0
DAY = 86_400
WHERE = {"task": "medical", "language": "en"}
KEY = {**WHERE, "verdict": "any", "route": "encoder"}


def reading(**samples):
    """A reading with samples by the name of the constant of their metric, or of a recorded series."""
    return Reading("a test", "last 1d", samples)


def predictions(**counts):
    return {names.PREDICTIONS.name: [({**WHERE, "light": light}, value) for light, value in counts.items()]}


CERTIFIED = {
    certificate.CERTIFICATE_STATE.name: [
        ({**KEY, "state": "certified"}, 1.0),
        ({**KEY, "state": "revoked"}, 0.0),
    ],
    certificate.CERTIFICATE_ISSUED.name: [(KEY, NOW - 3 * DAY)],
    certificate.CERTIFICATE_EXPIRY.name: [(KEY, NOW + 27 * DAY)],
    certificate.CERTIFICATE_EVIDENCE.name: [(KEY, 10.0)],
    certificate.CERTIFICATE_LIMIT.name: [(KEY, 100.0)],
    certificate.CERTIFICATE_ERROR.name: [(KEY, 0.05)],
    certificate.CERTIFICATE_ERROR_BOUND.name: [
        ({**KEY, "bound": "high"}, 0.09),
        ({**KEY, "bound": "lower"}, 0.0),
    ],
}


def test_shares_error_and_energy_are_of_the_answers_of_the_period():
    energy = {RECORDED[0]: [({}, 380.0)]}
    figures = figures_of(reading(**predictions(green=40, yellow=50, red=10), **CERTIFIED, **energy), NOW)
    [english] = figures.languages
    assert english.shares == {Light.GREEN: 0.4, Light.YELLOW: 0.5, Light.RED: 0.1}
    assert (english.error, english.error_bound) == (0.05, 0.09)
    assert english.correct_green == pytest.approx(38)
    assert figures.watthours_per_correct_green == pytest.approx(10)
    assert figures.cost_per_correct_green is None
    [one] = figures.certificates
    assert (one.state, one.age_days, one.days_left) == ("certified", 3.0, 27.0)
    assert one.detector == pytest.approx(math.log(10) / math.log(100))


def test_without_labels_the_error_is_that_of_the_evaluation_and_without_both_it_is_not_known():
    evaluated = {
        names.EVAL_LIGHT_ERROR.name: [({**WHERE, "light": "green"}, 0.1), ({**WHERE, "light": "red"}, 0.9)]
    }
    [english] = figures_of(reading(**predictions(green=10), **evaluated), NOW).languages
    assert (english.error, english.error_bound, english.error_source) == (0.1, None, "evaluation")
    [english] = figures_of(reading(**predictions(green=10)), NOW).languages
    assert (english.error, english.correct_green) == (None, None)


def shown(figures_reading):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(screen(figures_of(figures_reading, NOW), figures_reading))
    return console.export_text()


def test_nothing_measured_is_a_dash_and_never_a_number():
    text = shown(reading())
    assert "No answers yet." in text
    assert "No certificate, so no answer is green" in text
    assert "Wh per correct green answer: –" in text
    assert "nan" not in text.lower()


def test_what_needs_attention_is_in_words():
    broken = {
        names.UPSTREAM_READY.name: [({"upstream": "decoder"}, 0.0), ({"upstream": "encoder"}, 1.0)],
        names.SPOOLED_ROWS.name: [({}, 12.0)],
        certificate.CERTIFICATE_STATE.name: [({**KEY, "state": "suspended"}, 1.0)],
    }
    text = shown(reading(**predictions(yellow=3), **broken))
    assert "Models that do not answer: decoder" in text
    assert "Rows that wait for the database: 12" in text
    assert "suspended" in text


def test_the_recorded_series_are_those_of_the_chart():
    rules = "".join(path.read_text() for path in Path("charts/monitoring/files/rules").glob("*.yaml"))
    assert [name for name in RECORDED if f"record: {name}\n" not in rules] == []


class Metrics(BaseHTTPRequestHandler):
    """A server with the metrics of an assessor after 4 answers."""

    def do_GET(self):
        registry = CollectorRegistry()
        counter = names.PREDICTIONS.build(registry)
        for light, count in (("green", 1), ("yellow", 3)):
            counter.labels("medical", "de", "encoder", light, "certified").inc(count)
        content = generate_latest(registry)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_PROMETHEUS_PORT", "1")
    monkeypatch.setenv("COLUMNS", "140")
    return lambda *words: CliRunner().invoke(installed_app(), ["top", *words])


def test_without_prometheus_the_page_of_the_assessor_is_read(run, monkeypatch):
    with answering(Metrics) as url:
        monkeypatch.setenv("SIGNALBOX_ASSESSOR_URL", url)
        result = run()
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "medical" in line)
    assert row.split()[:5] == ["medical", "de", "4", "25.0", "%"]
    assert f"since its start. Source: the assessor at {url}" in result.stdout


def test_without_anything_the_hint_says_what_to_start(run, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_ASSESSOR_URL", "http://127.0.0.1:1")
    result = run("--once")
    assert result.exit_code == 1
    assert "hint: Start them with `signalbox serve`" in result.stderr


def test_a_prometheus_that_is_named_and_away_is_an_error(run, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_PROMETHEUS_URL", "http://127.0.0.1:1")
    assert "SIGNALBOX_PROMETHEUS_URL" in run("--once").stderr


def test_a_window_that_is_none_is_named(run):
    result = run("--window", "soon")
    assert result.exit_code == 2
    assert "--window" in result.stderr
