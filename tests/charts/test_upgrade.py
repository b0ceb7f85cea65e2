"""Values of an earlier chart version render today, or fail with what changed; what cannot be changed in place is kept."""

import shutil

import pytest
import yaml

from signalbox.errors import InputError
from tests.charts.conftest import NAMES, chart_folder
from tools.charts import ROOT
from tools.charts.changes import PLACE, Change, changes, template_file
from tools.charts.helm import template
from tools.charts.reference import page
from tools.charts.render import RELEASE
from tools.charts.schema import schema_file

RELEASES = ROOT / "tests" / "charts" / "releases"
FIXED = "fixed.yaml"
# (version, chart, values file) of every earlier version that is kept; fixed.yaml holds what its objects were.
OLD = [path.relative_to(RELEASES).parts for path in sorted(RELEASES.glob("*/*/*.yaml")) if path.name != FIXED]
IDS = ["-".join(parts) for parts in OLD]
TABLE = """
- {key: gpu.kind, version: 0.2.0, says: "is gpu.product now; write gpu.product."}
- {key: maxTokens, version: 0.2.0, says: "is context now, in tokens; write context."}
"""


DEPLOYMENT_MODE = ("metadata", "annotations", "serving.kserve.io/deploymentMode")
# Kinds that hold data, an address or pods → what the API server, or KServe's webhook, lets nobody change in them.
FIXED_FIELDS = {
    "Deployment": ("spec.selector",),
    "InferenceService": (DEPLOYMENT_MODE,),
    "LeaderWorkerSet": (),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName"),
    "Secret": ("type",),
    "Service": ("spec.clusterIP",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"),
}


def objects(text: str) -> dict[str, dict]:
    """`Kind/name` of the objects that an upgrade must find again, with what is fixed in each; hooks are made anew."""
    found = {}
    for document in yaml.safe_load_all(text):
        if not document or document["kind"] not in FIXED_FIELDS:
            continue
        if "helm.sh/hook" not in document["metadata"].get("annotations", {}):
            paths = FIXED_FIELDS[document["kind"]]
            name = f"{document['kind']}/{document['metadata']['name']}"
            found[name] = {
                path if isinstance(path, str) else path[-1]: value
                for path in paths
                if (value := _at(document, path)) is not None
            }
    return found


def _at(document: dict, path: str | tuple[str, ...]):
    """What lies at a path, with dots or as a tuple; None where nothing does."""
    for key in path.split(".") if isinstance(path, str) else path:
        document = document.get(key, {})
    return document or None


def render_old(version: str, chart: str, file: str):
    return template(chart_folder(chart), "--values", str(RELEASES / version / chart / file), name=RELEASE)


@pytest.mark.parametrize(("version", "chart", "file"), OLD, ids=IDS)
def test_values_of_an_earlier_version_render_or_fail_with_what_changed(version, chart, file):
    done = render_old(version, chart, file)
    said = " ".join(done.stderr.split())
    known = [change for change in changes(chart_folder(chart)) if f"{change.key}: {change.says}" in said]
    assert done.returncode == 0 or known, done.stderr


@pytest.mark.parametrize(("version", "chart", "file"), OLD, ids=IDS)
def test_what_cannot_be_changed_in_place_is_what_it_was(version, chart, file):
    done = render_old(version, chart, file)
    if done.returncode:
        return  # the test above holds the sentence
    kept = yaml.safe_load((RELEASES / version / chart / FIXED).read_text(encoding="utf-8"))[file]
    now = objects(done.stdout)
    assert {name: now.get(name, "gone") for name in kept} == kept


@pytest.mark.parametrize("chart", NAMES)
def test_every_chart_has_the_generated_template(chart):
    assert (chart_folder(chart) / PLACE).read_text(encoding="utf-8") == template_file()


@pytest.mark.parametrize("chart", NAMES)
def test_a_change_says_what_to_write(chart):
    for change in changes(chart_folder(chart)):
        assert change.says.endswith("."), change.key


@pytest.fixture(name="renamed")
def renamed_fixture(tmp_path):
    """A copy of the chart with a table of changes of its own."""
    copy = shutil.copytree(chart_folder("model-server"), tmp_path / "model-server")
    (copy / "files" / "changes.yaml").write_text(TABLE, encoding="utf-8")
    (copy / "values.schema.json").write_text(schema_file(copy), encoding="utf-8")
    return copy


def test_all_changed_keys_are_explained_at_once_before_anything_else(renamed):
    values = {"gpu": {"kind": {"name": "T4"}, "product": "no such GPU"}, "maxTokens": None}
    error = template(renamed, values=yaml.safe_dump(values)).stderr
    assert "gpu.kind: is gpu.product now; write gpu.product. (since chart version 0.2.0)" in error
    assert "maxTokens: is context now, in tokens; write context. (since chart version 0.2.0)" in error
    assert "is in no pool" not in error


def test_values_without_changed_keys_render_and_misspelt_ones_are_still_refused(renamed):
    assert template(renamed).returncode == 0
    error = template(renamed, "--set", "gpu.knid=T4").stderr
    assert "additional properties 'knid' not allowed" in error


def test_the_page_lists_the_changed_keys(renamed):
    assert "| `gpu.kind` | 0.2.0 | is gpu.product now; write gpu.product. |" in page(renamed)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("- {key: context, version: 0.2.0, says: Gone.}", "values.yaml still has it"),
        ("- {key: old.context, version: 0.2.0, says: Gone.}", "old is no key of values.yaml"),
        ("- {key: old}", "A change has key, says, version"),
    ],
)
def test_a_wrong_table_is_named(renamed, table, sentence):
    (renamed / "files" / "changes.yaml").write_text(table, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        schema_file(renamed)


def test_a_chart_without_a_table_has_no_changes(tmp_path):
    assert changes(tmp_path) == []
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "changes.yaml").write_text(
        "- {key: a, version: 1.0.0, says: Gone.}", encoding="utf-8"
    )
    assert changes(tmp_path) == [Change("a", "1.0.0", "Gone.")]
