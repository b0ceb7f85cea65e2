"""The claim of the cache survives upgrades: with a stand-in for helm's lookup, and against a real API server."""

import json
from functools import cache

import pytest
import yaml

from tests.charts.api_server import ApiServer, api_server
from tests.charts.claims import copy_with_claims
from tests.charts.conftest import chart_folder, one, render
from tools.charts.helm import template

CHART = "model-server"
CLAIM = "x-model-server-cache"
SMALL = {"model": {"name": "meta-llama/Llama-3.1-8B-Instruct"}, "context": 4096}
LARGE = {
    "model": {"name": "meta-llama/Llama-3.1-70B-Instruct"},
    "gpu": {"product": "H100", "count": 2},
    "quantization": "fp8",
    "parallelism": {"tensor": 2},
}
TWO = {"replicas": 2, "persistence": {"accessModes": ["ReadWriteMany"]}}


def claim(size: str, *modes: str, **more: str) -> dict:
    """A claim as the cluster has it."""
    return {"spec": {"accessModes": list(modes), "resources": {"requests": {"storage": size}}} | more}


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory):
    """Renders the chart for a cluster with these claims; helm template has no cluster, so a dictionary replaces its lookup."""

    @cache
    def copy(claims: str):
        return copy_with_claims(CHART, claims, tmp_path_factory.mktemp("claims") / CHART)

    def text(values: dict, claims: dict, *, notes: bool = False):
        process = template(copy(json.dumps(claims)), values=yaml.safe_dump(values))
        if process.returncode:
            return process.stderr
        objects = [item for item in yaml.safe_load_all(process.stdout) if item]
        return one(objects, "Notes")["text"] if notes else objects

    return text


def claim_of(objects: list[dict]) -> tuple[str, str, list[str]]:
    """Name, size and access modes of the claim; the pods mount the same one."""
    item = one(objects, "PersistentVolumeClaim")
    volumes = one(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
    mounted = next(volume for volume in volumes if volume["name"] == "cache")
    assert mounted["persistentVolumeClaim"]["claimName"] == item["metadata"]["name"]
    spec = item["spec"]
    return item["metadata"]["name"], spec["resources"]["requests"]["storage"], spec["accessModes"]


@pytest.mark.parametrize(
    ("values", "claims", "name", "size"),
    [
        (SMALL, {}, CLAIM, "50Gi"),
        (SMALL, {CLAIM: claim("158Gi", "ReadWriteOnce")}, CLAIM, "158Gi"),
        (SMALL | {"persistence": {"size": "60Gi"}}, {CLAIM: claim("158Gi", "ReadWriteOnce")}, CLAIM, "158Gi"),
        (LARGE, {CLAIM: claim("50Gi", "ReadWriteOnce")}, CLAIM, "158Gi"),
        (LARGE, {CLAIM: claim("1Ti", "ReadWriteOnce")}, CLAIM, "1Ti"),
        (SMALL | TWO, {}, f"{CLAIM}-rwx", "50Gi"),
        (SMALL | TWO, {CLAIM: claim("158Gi", "ReadWriteOnce")}, f"{CLAIM}-rwx", "50Gi"),
        (SMALL | TWO, {f"{CLAIM}-rwx": claim("90Gi", "ReadWriteMany")}, f"{CLAIM}-rwx", "90Gi"),
        # A release of an older chart, whose claims had no suffix.
        (SMALL | TWO, {CLAIM: claim("90Gi", "ReadWriteMany")}, CLAIM, "90Gi"),
        (SMALL, {CLAIM: claim("90Gi", "ReadWriteMany")}, f"{CLAIM}-rwo", "50Gi"),
        (
            SMALL,
            {CLAIM: claim("90Gi", "ReadWriteMany"), f"{CLAIM}-rwo": claim("70Gi", "ReadWriteOnce")},
            f"{CLAIM}-rwo",
            "70Gi",
        ),
        (SMALL | {"persistence": {"accessModes": ["ReadWriteOncePod"]}}, {}, f"{CLAIM}-rwop", "50Gi"),
        (
            SMALL | {"persistence": {"claimName": "mine"}},
            {CLAIM: claim("158Gi", "ReadWriteOnce")},
            "mine",
            "50Gi",
        ),
        (
            SMALL | {"persistence": {"claimName": "mine"}},
            {"mine": claim("80Gi", "ReadWriteOnce")},
            "mine",
            "80Gi",
        ),
    ],
)
def test_a_claim_keeps_what_cannot_change(upgrade, values, claims, name, size):
    modes = values.get("persistence", {}).get("accessModes", ["ReadWriteOnce"])
    assert claim_of(upgrade(values, claims)) == (name, size, modes)


def test_a_claim_keeps_its_storage_class(upgrade):
    added = {CLAIM: claim("60Gi", "ReadWriteOnce", storageClassName="fast")}  # by the cluster: its default
    assert "storageClassName" not in one(upgrade(SMALL, added), "PersistentVolumeClaim")["spec"]
    existing = {CLAIM: added[CLAIM] | {"metadata": {"annotations": {"signalbox.dev/storage-class": "fast"}}}}
    objects = upgrade(SMALL, existing)
    assert one(objects, "PersistentVolumeClaim")["spec"]["storageClassName"] == "fast"
    error = upgrade(SMALL | {"persistence": {"storageClass": "slow"}}, existing)
    assert (
        f'persistence.storageClass: "slow", but claim {CLAIM} exists with class "fast", which cannot' in error
    )
    values = SMALL | {"persistence": {"storageClass": "slow", "claimName": "new"}}
    assert claim_of(upgrade(values, existing))[0] == "new"


def test_a_named_claim_has_the_modes_that_it_was_created_with(upgrade):
    values = SMALL | {"persistence": {"claimName": "mine", "accessModes": ["ReadWriteMany"]}}
    error = upgrade(values, {"mine": claim("80Gi", "ReadWriteOnce")})
    assert (
        "persistence.accessModes: ReadWriteMany, but claim mine exists with ReadWriteOnce, which cannot"
        in error
    )
    assert "Set persistence.claimName to a new name." in " ".join(error.split())


def test_the_notes_name_a_claim_that_stays_larger(upgrade):
    existing = {CLAIM: claim("158Gi", "ReadWriteOnce")}
    line = f"Claim {CLAIM} keeps its 158Gi: a claim cannot become smaller."
    assert line in upgrade(SMALL | {"persistence": {"size": "60Gi"}}, existing, notes=True)
    assert line not in upgrade(SMALL | {"persistence": {"size": "158Gi"}}, existing, notes=True)


def test_more_nodes_than_one_share_a_claim_that_they_can_all_mount():
    values = LARGE | {
        "parallelism": {"tensor": 1, "pipeline": 2, "nodes": 2},
        "persistence": TWO["persistence"],
    }
    assert one(render(CHART, values), "LeaderWorkerSet")


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api-server")) as server:
        yield server


class Release:
    """The release x of the chart, in a namespace of its own."""

    def __init__(self, server: ApiServer, namespace: str):
        self.server, self.place = server, ("--namespace", namespace)
        server.run("kubectl", "create", "namespace", namespace)

    def claims(self) -> dict[str, str]:
        """Size of every claim, by name."""
        items = self.server.objects("persistentvolumeclaims", *self.place)["items"]
        return {item["metadata"]["name"]: item["spec"]["resources"]["requests"]["storage"] for item in items}

    def upgrade(self, values: dict) -> dict[str, str]:
        """Install or upgrade it, and bind its claims as a provisioner would; the sizes of the claims."""
        file = self.server.kubeconfig.with_name("values.yaml")
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        chart = str(chart_folder(CHART))
        self.server.run("helm", "upgrade", "--install", "x", chart, *self.place, "--values", str(file))
        for name, size in self.claims().items():
            patch = json.dumps({"status": {"phase": "Bound", "capacity": {"storage": size}}})
            words = ("patch", "pvc", name, *self.place, "--subresource=status", "--type=merge")
            self.server.run("kubectl", *words, "--patch", patch)
        return self.claims()


@pytest.fixture
def release(kubernetes, request):
    return Release(kubernetes, f"models-{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture(scope="module")
def storage_class(kubernetes):
    """A class whose volumes can grow."""
    path = kubernetes.kubeconfig.with_name("class.yaml")
    item = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "grows"},
        "provisioner": "example.com/none",
        "allowVolumeExpansion": True,
    }
    path.write_text(yaml.safe_dump(item), encoding="utf-8")
    kubernetes.run("kubectl", "apply", "-f", str(path))
    return "grows"


def test_a_release_changes_to_a_smaller_model_and_back(release):
    assert release.upgrade(LARGE) == {CLAIM: "158Gi"}
    assert release.upgrade(SMALL) == {CLAIM: "158Gi"}
    assert release.upgrade(LARGE) == {CLAIM: "158Gi"}


def test_a_release_changes_to_a_larger_model_where_volumes_can_grow(release, storage_class):
    persistence = {"persistence": {"storageClass": storage_class}}
    assert release.upgrade(SMALL | persistence) == {CLAIM: "50Gi"}
    assert release.upgrade(LARGE | persistence) == {CLAIM: "158Gi"}
    assert release.upgrade(SMALL) == {CLAIM: "158Gi"}


def test_a_release_changes_to_a_larger_model_with_a_new_claim_where_volumes_cannot_grow(release):
    assert release.upgrade(SMALL) == {CLAIM: "50Gi"}
    assert release.upgrade(LARGE | {"persistence": {"claimName": "larger"}}) == {
        CLAIM: "50Gi",
        "larger": "158Gi",
    }


def test_a_release_gets_a_second_replica_and_loses_it_again(release):
    assert release.upgrade(SMALL) == {CLAIM: "50Gi"}
    assert release.upgrade(SMALL | TWO) == {CLAIM: "50Gi", f"{CLAIM}-rwx": "50Gi"}
    deployment = release.server.objects("deployment", "x-model-server", *release.place)
    assert deployment["spec"]["replicas"] == 2
    assert f"{CLAIM}-rwx" in str(deployment["spec"]["template"]["spec"]["volumes"])
    assert release.upgrade(SMALL) == {CLAIM: "50Gi", f"{CLAIM}-rwx": "50Gi"}
