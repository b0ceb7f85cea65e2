"""charts/monitoring: objects for Grafana's sidecar and operator, rules with the values of the release, notes."""

import json
import shutil
import subprocess

import pytest
import yaml

from tests.charts.conftest import chart_folder, one, render, render_error

PLAIN = {"rules": {"provider": "configmap"}}


def groups(values: dict) -> list[dict]:
    return one(render("monitoring", values), "PrometheusRule")["spec"]["groups"]


def rules(values: dict) -> list[dict]:
    return [rule for group in groups(values) for rule in group["rules"]]


def of_kind(values: dict, kind: str) -> list[dict]:
    return [item for item in render("monitoring", values) if item["kind"] == kind]


def test_the_sidecar_finds_every_board_and_its_folder():
    maps = of_kind({}, "ConfigMap")
    assert len(maps) == len(list((chart_folder("monitoring") / "files" / "dashboards").iterdir()))
    for item in maps:
        assert item["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert item["metadata"]["annotations"]["grafana_folder"] == "Signalbox"
        ((name, text),) = item["data"].items()
        assert json.loads(text)["uid"] == name.removesuffix(".json")


def test_the_grafana_operator_reads_the_same_config_maps():
    values = {"dashboards": {"provider": "operator", "instanceSelector": {"a": "b", "dashboards": None}}}
    maps = {item["metadata"]["name"]: item for item in of_kind(values, "ConfigMap")}
    boards = of_kind(values, "GrafanaDashboard")
    assert len(boards) == len(maps)
    for board in boards:
        reference = board["spec"]["configMapRef"]
        assert reference["key"] in maps[reference["name"]]["data"]
        assert board["spec"]["instanceSelector"]["matchLabels"] == {"a": "b"}


def test_values_set_objectives_prices_and_the_bucket():
    values = {"slo": {"availabilityObjective": 0.5, "latencySeconds": 2.5}, "cost": {"assumedWatts": 65}}
    settings = {
        rule["labels"]["setting"]: rule["expr"]
        for rule in rules(values)
        if "setting" in rule.get("labels", {})
    }
    assert settings["availability_objective_ratio"] == "vector(0.5)"
    assert settings["assumed_watts"] == "vector(65)"
    text = json.dumps(groups(values))
    assert 'le=\\"2.5\\"' in text
    assert "10(" not in text


def test_runbooks_are_where_the_values_say():
    values = {"runbooksUrl": "https://wiki.example/runbooks/"}
    urls = {rule["annotations"]["runbook_url"] for rule in rules(values) if "alert" in rule}
    assert "https://wiki.example/runbooks/SignalboxDrift.md" in urls
    texts = [text for item in of_kind(values, "ConfigMap") for text in item["data"].values()]
    assert all("https://wiki.example/runbooks/Signalbox" in text for text in texts)
    assert not any("example.org" in text for text in texts)


def test_alerts_can_be_left_out_and_get_labels():
    values = {"alerts": {"disabled": ["SignalboxGPUFault"], "labels": {"team": "a"}}}
    alerts = {rule["alert"]: rule for rule in rules(values) if "alert" in rule}
    assert "SignalboxGPUFault" not in alerts
    assert {rule["labels"]["team"] for rule in alerts.values()} == {"a"}
    assert not [rule for rule in rules({"alerts": {"enabled": False}}) if "alert" in rule]


def test_an_objective_outside_its_range_is_rejected():
    assert "availabilityObjective" in render_error("monitoring", {"slo": {"availabilityObjective": 1}})
    assert "latencySeconds" in render_error("monitoring", {"slo": {"latencySeconds": 3}})


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)
@pytest.mark.parametrize("seconds", [10, 2.5])
def test_prometheus_accepts_the_rules_of_the_chart(seconds, tmp_path):
    (item,) = (item for item in of_kind({**PLAIN, "slo": {"latencySeconds": seconds}}, "ConfigMap") if item["metadata"]["name"].endswith("-rules"))  # fmt: skip
    (tmp_path / "rules.yaml").write_text(item["data"]["signalbox.yaml"], encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", "rules.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)
def test_prometheus_accepts_the_example_of_a_configuration(tmp_path):
    shutil.copytree(chart_folder("monitoring") / "files", tmp_path / "files")
    done = subprocess.run(["promtool", "check", "config", "prometheus.yaml"], cwd=tmp_path / "files", capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_routes_names_alerts_that_exist():
    example = yaml.safe_load(
        (chart_folder("monitoring") / "files" / "alertmanager-route.yaml").read_text(encoding="utf-8")
    )
    names = {rule["alert"] for rule in rules({}) if "alert" in rule}
    for rule in example["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(matcher.partition('"')[2].strip('"').split("|")) <= names
    receivers = {receiver["name"] for receiver in example["receivers"]}
    assert {
        example["route"]["routes"][0]["receiver"],
        example["route"]["routes"][0]["routes"][0]["receiver"],
    } <= receivers


def test_the_notes_reach_grafana_and_name_what_is_missing(notes):
    text = notes({}, "monitoring")
    assert "kubectl --namespace monitoring port-forward service/prometheus-grafana 3000:80" in text
    assert "rules.labels is empty" in text
    assert "runbooksUrl is an example" in text
    assert "most panels are empty" in notes({"rules": {"enabled": False}}, "monitoring")
