"""Each alert fires, is silent, and does what it should when its series are gone, in Prometheus' own rule engine."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.boards import boards
from dashboards.rules.alerts import alerts
from dashboards.rules.files import rule_files
from tests.dashboards.alert_cases import CASES, Case, counters

RUNBOOKS = Path("docs/runbooks")
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


def unit_test(name: str, situation: str, case: Case) -> dict:
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": case.fires}] if case.fires else []
    return {
        "name": f"{name}: {situation}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": f"{case.minute}m", "exp_samples": samples}],
    }


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """A folder with the rule files; the rules of the month are evaluated each minute, as the others."""
    tmp_path = tmp_path_factory.mktemp("rules")
    for name, text in rule_files().items():
        (tmp_path / name).write_text(text.replace("interval: 10m", "interval: 1m"), encoding="utf-8")
    return tmp_path


@promtool
def test_prometheus_accepts_the_rules(rules):
    for name in rule_files():
        done = run(rules, "check", "rules", name)
        assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_is_silent_and_notices_missing_series(name, rules):
    tests = [unit_test(name, situation, case) for situation, case in CASES[name].items()]
    document = {"rule_files": list(rule_files()), "evaluation_interval": "1m", "tests": tests}
    (rules / "test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(rules, "test", "rules", "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.parametrize(("answers", "fires"), [("0+10x400", 2), ("0+1x400", 0)])
def test_the_burn_rate_alert_fires_at_an_objective_whose_burn_rate_never_reaches_the_usual_limits(
    answers, fires, rules, tmp_path
):
    """All answers but one in ten fail, or half of them: of 0.5, the burn rate is at most 2."""
    for path in rules.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    settings = (tmp_path / "settings.yaml").read_text(encoding="utf-8")
    assert "vector(0.99)" in settings
    (tmp_path / "settings.yaml").write_text(settings.replace("vector(0.99)", "vector(0.5)"), encoding="utf-8")
    case = counters(390, fires, red__unavailable=answers, green__certified="0+1x400")
    document = {
        "rule_files": list(rule_files()),
        "evaluation_interval": "1m",
        "tests": [unit_test("SignalboxErrorBudgetBurn", "low objective", case)],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(tmp_path, "test", "rules", "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_three_situations():
    assert {rule.name for rule in alerts()} == set(CASES)
    for situations in CASES.values():
        assert {"fires", "silent", "gone"} <= situations.keys()


def test_there_are_at_most_16_alerts_and_each_leads_somewhere():
    assert len(alerts()) <= 16
    entries = [rule.entry("https://a.example/runbooks/") for rule in alerts()]
    for rule in entries:
        assert rule["annotations"]["runbook_url"] == f"https://a.example/runbooks/{rule['alert']}.md"
        assert rule["annotations"]["dashboard"] in {board.uid for board in boards()}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule.name)
def test_a_runbook_has_its_sections_and_a_command_to_copy(rule):
    text = (RUNBOOKS / f"{rule.name}.md").read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    diagnosis = text.partition("## Diagnosis")[2].partition("## Mitigation")[0]
    assert "```bash" in diagnosis


def test_every_runbook_belongs_to_an_alert_and_is_listed():
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule.name for rule in alerts()}
    listed = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.md)" in listed for name in pages)


def test_every_board_that_shows_the_figure_of_an_alert_links_its_runbook():
    linked = {alert: board.uid for board in boards() for alert in board.runbooks}
    assert linked == {rule.name: rule.board for rule in alerts()}
