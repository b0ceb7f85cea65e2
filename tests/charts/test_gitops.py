"""GitOps controllers render the charts again and again: no render generates a key, and each is equal to the one before."""

import json
import re
from http.server import BaseHTTPRequestHandler

import pytest
import yaml

from tests.charts.conftest import EXAMPLES, GENERATED, WITHOUT_PODS, chart_folder, example_file, one, render
from tests.charts.hatches import CHARTS_WITH_PARTS
from tests.helpers import answering, say_json
from tools.charts.helm import template
from tools.charts.render import RELEASE

GITOPS = sorted(
    path for name in CHARTS_WITH_PARTS for path in (chart_folder(name) / "examples" / "gitops").glob("*.yaml")
)
SECRETS = {"assessor": "x-assessor-keys", "model-server": "x-model-server-key"}
KINDS = {
    "Application": "argoproj.io/v1alpha1",
    "ExternalSecret": "external-secrets.io/v1",
    "HelmRelease": "helm.toolkit.fluxcd.io/v2",
    "OCIRepository": "source.toolkit.fluxcd.io/v1",
    "SealedSecret": "bitnami.com/v1alpha1",
}


@pytest.mark.parametrize(("chart", "example"), EXAMPLES)
def test_two_renders_of_an_example_are_equal(chart, example):
    first, second = (
        template(chart_folder(chart), "--values", str(example_file(chart, example)), name=RELEASE).stdout
        for _ in range(2)
    )
    assert first == second
    assert ("kind: NetworkPolicy" in first) == (chart not in WITHOUT_PODS)


@pytest.mark.parametrize("chart", SECRETS)
def test_a_client_side_render_has_a_sentence_instead_of_a_generated_key(chart):
    process = template(chart_folder(chart))
    assert "kind: Secret" not in process.stdout
    assert (
        f"# Secret {SECRETS[chart]} is not in this render: without access to the cluster," in process.stdout
    )


@pytest.mark.parametrize("chart", SECRETS)
def test_a_key_is_generated_on_request(chart):
    assert one(render(chart, GENERATED[chart]), "Secret", SECRETS[chart])


class EmptyCluster(BaseHTTPRequestHandler):
    """As much of an API server as Helm needs to see that there are no Secrets."""

    resource = {"name": "secrets", "namespaced": True, "kind": "Secret", "verbs": ["get", "list"]}  # noqa: RUF012

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        answers = {
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [self.resource]},
            "/api/v1/namespaces/models/secrets": {"apiVersion": "v1", "kind": "SecretList", "items": []},
        }
        missing = {"kind": "Status", "apiVersion": "v1", "code": 404}
        say_json(self, answers.get(path, missing), 200 if path in answers else 404)

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize("chart", SECRETS)
def test_a_key_is_generated_with_access_to_a_cluster(chart):
    with answering(EmptyCluster) as url:
        objects = render(chart, {}, "--dry-run=server", "--kube-apiserver", url)
    assert one(objects, "Secret", SECRETS[chart])


def test_every_chart_has_an_example_for_argo_cd_and_for_flux():
    names = {(path.parent.parent.parent.name, path.stem) for path in GITOPS}
    assert names >= {
        (chart, stem) for chart in CHARTS_WITH_PARTS for stem in ("argocd-application", "flux-helmrelease")
    }


@pytest.mark.parametrize("path", GITOPS, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_the_values_of_a_gitops_example_render_without_a_generated_key(path):
    """The chart accepts the values, and every Secret that its pods need is in an example or named in its comment."""
    text = path.read_text(encoding="utf-8")
    chart = path.parent.parent.parent.name
    for item in yaml.safe_load_all(text):
        assert item["apiVersion"] == KINDS[item["kind"]]
        values = values_of(item)
        if values is None:
            continue
        objects = render(chart, values)
        assert [secret for secret in objects if secret["kind"] == "Secret"] == []
        required = set(
            re.findall(r'"(?:secretName|existingSecret)": "([^"]+)"', json.dumps([objects, values]))
        )
        assert [name for name in required if name not in provided(chart)] == []


def values_of(item: dict) -> dict | None:
    """The values of the chart in an Application or a HelmRelease."""
    spec = item["spec"]
    if item["kind"] == "Application":
        return spec["source"]["helm"]["valuesObject"]
    return spec["values"] if item["kind"] == "HelmRelease" else None


def provided(chart: str) -> set[str]:
    """Names of the Secrets that the examples of the chart create."""
    items = [
        item
        for path in GITOPS
        if path.parent.parent.parent.name == chart
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    return {item["metadata"]["name"] for item in items if item["kind"] in ("ExternalSecret", "SealedSecret")}
