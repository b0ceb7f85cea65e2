"""One file with `global` serves all charts: a cluster with a mirror writes registry and credentials once."""

import pytest
import yaml

from tests.charts.conftest import NAMES, POSTGRES, chart_folder, pods, render, render_error
from tests.charts.pipelines_chart import ALL_JOBS

GLOBAL = {"global": {"imageRegistry": "mirror.example.org", "imagePullSecrets": [{"name": "mirror"}]}}
# Values of each chart that make every kind of pod it has.
ALL = {
    "assessor": POSTGRES | {"encoder": {"kserve": True}},
    "model-server": {},
    "pipelines": ALL_JOBS | {"metrics": {"enabled": True}},
    "signalbox": {"models": {"large": {}}},
}


def test_every_chart_with_pods_takes_the_same_keys():
    tables = [
        yaml.safe_load((chart_folder(name) / "values.yaml").read_text(encoding="utf-8")) for name in ALL
    ]
    proxy = {"http": "", "https": "", "noProxy": "", "cidrs": []}
    keys = {"imageRegistry": "", "imagePullSecrets": [], "proxy": proxy}
    assert [table["global"] for table in tables] == [keys] * len(ALL)


def test_every_chart_without_values_here_has_no_pods():
    for chart in set(NAMES) - ALL.keys():
        assert [pod for item in render(chart) for pod in pods(item)] == [], chart


@pytest.mark.parametrize("chart", ALL)
def test_every_pod_pulls_from_the_mirror_with_its_credentials(chart):
    specs = [spec for item in render(chart, ALL[chart] | GLOBAL) for _, spec in pods(item)]
    assert len(specs) >= 2
    images = [c["image"] for spec in specs for c in spec["containers"] + spec.get("initContainers", [])]
    assert [image for image in images if not image.startswith("mirror.example.org/")] == []
    assert [spec.get("imagePullSecrets") for spec in specs] == [[{"name": "mirror"}]] * len(specs)


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_can_be_a_dependency_with_a_condition_and_keys_of_other_charts(chart):
    """Helm passes `enabled` and all of `global` of the parent chart to the charts below it."""
    values = {"enabled": True, "global": {"storageClass": "fast"}, "x-shared": {"any": "thing"}}
    names = [(item["kind"], item["metadata"]["name"]) for item in render(chart, values)]
    assert names == [(item["kind"], item["metadata"]["name"]) for item in render(chart)]


@pytest.mark.parametrize("chart", NAMES)
def test_keys_next_to_global_stay_closed(chart):
    error = render_error(chart, {"y-shared": 1})
    assert "additional properties 'y-shared' not allowed" in error


def test_a_model_server_that_is_not_enabled_renders_nothing():
    everything = {
        "enabled": False,
        "autoscaling": {"enabled": True},
        "persistence": {"enabled": False},
        "serviceMonitor": {"enabled": True},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]},
    }
    assert render("model-server", everything) == []
    assert render("model-server", {"enabled": False, "kserve": {"enabled": True}}) == []
