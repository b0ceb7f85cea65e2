"""Claims of the assessor, the jobs and MLflow survive upgrades: with a stand-in for helm's lookup, and on a real API server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import pytest
import yaml

from tests.charts.api_server import api_server
from tests.charts.claims import copy_with_claims
from tests.charts.conftest import chart_folder, one, pods, render_error
from tests.charts.hatches import nested
from tools.charts.helm import template


@dataclass(frozen=True)
class Owner:
    """A chart with a claim: where its values are, its name, its default size, the object whose pods mount it."""

    chart: str
    path: str
    claim: str
    size: str
    kind: str
    workload: str | None

    def __str__(self) -> str:
        return f"{self.chart}:{self.path}"

    def values(self, **keys: object) -> dict:
        return nested(self.path, keys)


OWNERS = [
    Owner("assessor", "persistence", "x-assessor", "5Gi", "Deployment", "x-assessor"),
    Owner("pipelines", "persistence", "x-pipelines", "5Gi", "Job", None),
    Owner(
        "pipelines",
        "mlflow.persistence",
        "x-pipelines-mlflow",
        "10Gi",
        "Deployment",
        "x-pipelines-mlflow",
    ),
]
ALL_OWNERS = pytest.mark.parametrize("owner", OWNERS, ids=str)
RWX = ["ReadWriteMany"]
CLASS = "signalbox.dev/storage-class"


def claim(size: str, *modes: str, **more: str) -> dict:
    """A claim as the cluster has it."""
    spec = {"accessModes": list(modes or ["ReadWriteOnce"]), "resources": {"requests": {"storage": size}}}
    return {"spec": spec | more}


def claim_object(owner: Owner, objects: list[dict]) -> dict:
    kind, name = "PersistentVolumeClaim", owner.claim
    (item,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return item


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory):
    """Renders a chart for a cluster with these claims; helm template has no cluster, so a dictionary replaces its lookup."""

    @cache
    def copy(chart: str, claims: str):
        return copy_with_claims(chart, claims, tmp_path_factory.mktemp("claims") / chart)

    def objects(owner: Owner, claims: dict, values: dict):
        process = template(copy(owner.chart, json.dumps(claims)), values=yaml.safe_dump(values))
        if process.returncode:
            return process.stderr
        return [item for item in yaml.safe_load_all(process.stdout) if item]

    return objects


def claim_of(owner: Owner, objects: list[dict]) -> tuple[str, str]:
    """Name and size of the claim that the chart creates, which the pods mount."""
    (item,) = [
        i
        for i in objects
        if i["kind"] == "PersistentVolumeClaim" and i["metadata"]["name"].startswith(owner.claim)
        if owner.path == "mlflow.persistence" or "mlflow" not in i["metadata"]["name"]
    ]
    name = item["metadata"]["name"]
    (_, spec), *_ = pods(one(objects, owner.kind, owner.workload))
    volumes = [volume.get("persistentVolumeClaim", {}).get("claimName") for volume in spec["volumes"]]
    assert name in volumes
    return name, item["spec"]["resources"]["requests"]["storage"]


@ALL_OWNERS
def test_a_first_installation_has_the_plain_name_in_every_mode(upgrade, owner):
    """Values of other charts name the claim, for example pvc://pipelines/releases."""
    assert claim_of(owner, upgrade(owner, {}, {})) == (owner.claim, owner.size)
    assert claim_of(owner, upgrade(owner, {}, owner.values(accessModes=RWX))) == (owner.claim, owner.size)


@ALL_OWNERS
@pytest.mark.parametrize(
    ("current", "size", "rendered"),
    [("20Gi", "", "20Gi"), ("20Gi", "8Gi", "20Gi"), ("20Gi", "30Gi", "30Gi"), ("1Ti", "30G", "1Ti")],
)
def test_a_claim_never_becomes_smaller(upgrade, owner, current, size, rendered):
    objects = upgrade(owner, {owner.claim: claim(current)}, owner.values(size=size))
    assert claim_of(owner, objects) == (owner.claim, rendered)
    note = f"Claim {owner.claim} keeps its {current}: a claim cannot become smaller."
    assert (note in one(objects, "Notes")["text"]) == (size != "30Gi")


@ALL_OWNERS
def test_another_access_mode_gets_a_new_claim_and_a_warning(upgrade, owner):
    existing = {owner.claim: claim("20Gi")}
    objects = upgrade(owner, existing, owner.values(accessModes=RWX))
    new = f"{owner.claim}-rwx"
    assert claim_of(owner, objects) == (new, owner.size)
    text = one(objects, "Notes")["text"]
    assert f"claim {owner.claim} has other access modes, so claim {new} replaces it" in text
    # The next upgrade stays with the new claim, also when the old one is gone.
    both = existing | {new: claim("9Gi", "ReadWriteMany")}
    for claims in (both, {new: both[new]}):
        name, size = claim_of(owner, upgrade(owner, claims, owner.values(accessModes=RWX)))
        assert (name, size) == (new, "10Gi" if owner.size == "10Gi" else "9Gi")
    # And the way back leads to the old one.
    assert claim_of(owner, upgrade(owner, both, {})) == (owner.claim, "20Gi")


@ALL_OWNERS
def test_a_claim_keeps_its_storage_class(upgrade, owner):
    added = {owner.claim: claim("20Gi", storageClassName="fast")}  # by the cluster: its default
    assert "storageClassName" not in claim_object(owner, upgrade(owner, added, {}))["spec"]
    existing = {owner.claim: added[owner.claim] | {"metadata": {"annotations": {CLASS: "fast"}}}}
    item = claim_object(owner, upgrade(owner, existing, {}))
    assert item["spec"]["storageClassName"] == item["metadata"]["annotations"][CLASS] == "fast"
    error = upgrade(owner, existing, owner.values(storageClass="slow"))
    problem = f'{owner.path}.storageClass: "slow", but claim {owner.claim} exists with class "fast", which cannot change.'
    assert problem in error
    assert f"Set {owner.path}.claimName to a new name" in error


@ALL_OWNERS
def test_a_named_claim_has_the_modes_that_it_was_created_with(upgrade, owner):
    values = owner.values(claimName=f"{owner.claim}-mine", accessModes=RWX)
    assert claim_of(owner, upgrade(owner, {}, values)) == (f"{owner.claim}-mine", owner.size)
    error = upgrade(owner, {f"{owner.claim}-mine": claim("20Gi")}, values)
    assert f"{owner.path}.accessModes: ReadWriteMany, but claim {owner.claim}-mine exists with" in error


@ALL_OWNERS
def test_a_name_for_a_new_claim_and_an_existing_claim_exclude_each_other(owner):
    error = render_error(owner.chart, owner.values(claimName="a", existingClaim="b"))
    assert f'{owner.path}.claimName: "a", but {owner.path}.existingClaim is "b"' in error


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api-server")) as server:
        yield server


@ALL_OWNERS
def test_a_release_changes_size_and_mode_and_returns(kubernetes, owner):
    namespace = f"{owner.chart}-{owner.path}".lower().replace(".", "-")
    place = ("--namespace", namespace)
    kubernetes.run("kubectl", "create", "namespace", namespace)
    file = kubernetes.kubeconfig.with_name(f"{namespace}.yaml")

    def install(**keys: object) -> dict[str, str]:
        """Upgrade, and bind the claims as a provisioner would; the sizes of the owner's claims."""
        file.write_text(yaml.safe_dump(owner.values(**keys)), encoding="utf-8")
        chart = str(chart_folder(owner.chart))
        kubernetes.run(
            "helm", "upgrade", "--install", "x", chart, *place, "--values", str(file), "--no-hooks"
        )
        sizes = {}
        for item in kubernetes.objects("persistentvolumeclaims", *place)["items"]:
            name, size = item["metadata"]["name"], item["spec"]["resources"]["requests"]["storage"]
            patch = json.dumps({"status": {"phase": "Bound", "capacity": {"storage": size}}})
            words = ("patch", "pvc", name, *place, "--subresource=status", "--type=merge")
            kubernetes.run("kubectl", *words, "--patch", patch)
            sizes[name] = size
        return {name: size for name, size in sizes.items() if name in (owner.claim, f"{owner.claim}-rwx")}

    assert install(size="20Gi") == {owner.claim: "20Gi"}
    assert install() == {owner.claim: "20Gi"}
    assert install(accessModes=RWX) == {owner.claim: "20Gi", f"{owner.claim}-rwx": owner.size}
    assert install(size="12Gi") == {owner.claim: "20Gi", f"{owner.claim}-rwx": owner.size}
