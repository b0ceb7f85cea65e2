"""One file with `global` serves all charts: a cluster with a mirror writes registry and credentials once."""

import pytest
import yaml

from tests.charts.conftest import NAMES, POSTGRES, chart_folder, pods, render
from tests.charts.pipelines_chart import ALL_JOBS

GLOBAL = {"global": {"imageRegistry": "mirror.example.org", "imagePullSecrets": [{"name": "mirror"}]}}
# Values of each chart that make every kind of pod it has.
ALL = {
    "assessor": POSTGRES | {"encoder": {"kserve": True}},
    "model-server": {},
    "pipelines": ALL_JOBS | {"metrics": {"enabled": True}},
}


def test_every_chart_takes_the_same_keys():
    tables = [
        yaml.safe_load((chart_folder(name) / "values.yaml").read_text(encoding="utf-8")) for name in NAMES
    ]
    assert [table["global"] for table in tables] == [{"imageRegistry": "", "imagePullSecrets": []}] * len(
        NAMES
    )


@pytest.mark.parametrize("chart", NAMES)
def test_every_pod_pulls_from_the_mirror_with_its_credentials(chart):
    specs = [spec for item in render(chart, ALL[chart] | GLOBAL) for _, spec in pods(item)]
    assert len(specs) >= 2
    images = [c["image"] for spec in specs for c in spec["containers"] + spec.get("initContainers", [])]
    assert [image for image in images if not image.startswith("mirror.example.org/")] == []
    assert [spec.get("imagePullSecrets") for spec in specs] == [[{"name": "mirror"}]] * len(specs)
