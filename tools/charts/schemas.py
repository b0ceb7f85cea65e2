"""Write the JSON schemas that kubeconform checks rendered objects with: `python -m tools.charts.schemas`.

Built-in kinds come from the OpenAPI document in Kubernetes' own Go module, custom resources from the
definitions in the Go modules of their projects. All are strict: an unknown key is an error, as with
`kubectl apply --validate=strict`. Descriptions and defaults are left out to keep the files small.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tools.charts import ROOT

FOLDER = ROOT / "tests" / "charts" / "schemas"

KUBERNETES = "k8s.io/kubernetes@v1.34.4"
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.91.0"
# Group/version → kinds. Add a kind here when a chart renders it for the first time.
BUILT_IN = {
    "v1": (
        "ConfigMap LimitRange Namespace PersistentVolume PersistentVolumeClaim Pod ResourceQuota Secret Service "
        "ServiceAccount"
    ),
    "apps/v1": "DaemonSet Deployment StatefulSet",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "networking.k8s.io/v1": "Ingress NetworkPolicy",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass",
    "storage.k8s.io/v1": "StorageClass",
}
# Go module → files with CustomResourceDefinitions in it.
CUSTOM = {
    "github.com/cloudnative-pg/cloudnative-pg@v1.27.0": (
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
    ),
    "github.com/grafana/grafana-operator/v5@v5.18.0": (
        "config/crd/bases/grafana.integreatly.org_grafanadashboards.yaml",
    ),
    "github.com/kedacore/keda/v2@v2.17.2": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "github.com/kserve/kserve@v0.20.0": (
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        "config/crd/full/serving.kserve.io_servingruntimes.yaml",
    ),
    OPERATOR: (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "sigs.k8s.io/gateway-api-inference-extension@v1.0.0": (
        "config/crd/bases/inference.networking.k8s.io_inferencepools.yaml",
        "config/crd/bases/inference.networking.x-k8s.io_inferenceobjectives.yaml",
    ),
    "sigs.k8s.io/gateway-api@v1.4.0": (
        "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
    "sigs.k8s.io/lws@v0.7.0": ("config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml",),
}

_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_REF = "#/definitions/"
# Where the OpenAPI document says "string" but the API server takes numbers too.
_ALSO_NUMBERS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
}
_LEFT_OUT = ("description", "default", "format", "example", "externalDocs", "nullable")
# Keys whose value maps names to schemas: a name in it may well be "description" or "format".
_NAMED = ("properties", "patternProperties", "definitions")


def strict(node: dict[str, Any]) -> dict[str, Any]:
    """A schema without texts that rejects unknown keys in every object that lists its keys and does not preserve unknown ones."""
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key in _NAMED:
            result[key] = {name: _strict_inside(schema) for name, schema in value.items()}
        elif key not in _LEFT_OUT and not key.startswith("x-kubernetes-"):
            result[key] = value if key in ("enum", "required") else _strict_inside(value)
    if node.get("x-kubernetes-int-or-string"):
        result["type"] = ["string", "integer"]
    if node.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    # Branches of anyOf and the like repeat keys of the object that they belong to: only a typed object is closed.
    if node.get("type") == "object" and "properties" in result and not _keeps_unknown(node):
        result.setdefault("additionalProperties", False)
    return result


def built_in(document: dict[str, Any], group_version: str, kind: str) -> dict[str, Any]:
    """The schema of a built-in kind with the definitions that it needs."""
    definitions = document["definitions"]
    group, _, version = group_version.rpartition("/")
    identity = {"group": group, "kind": kind, "version": version}
    (name,) = [
        name
        for name, body in definitions.items()
        if body.get("x-kubernetes-group-version-kind") == [identity]
    ]
    needed = _needed(definitions, name)
    body = needed.pop(name)
    return _object(body, needed, group_version, kind)


def custom(document: dict[str, Any], definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The schemas of a custom resource: group/version → schema, for every version served."""
    spec = definition["spec"]
    kind = spec["names"]["kind"]
    result = {}
    for version in (version for version in spec["versions"] if version["served"]):
        body = strict(version["schema"]["openAPIV3Schema"])
        body["properties"]["metadata"] = {"$ref": _REF + _META}
        group_version = f"{spec['group']}/{version['name']}"
        result[group_version] = _object(body, _needed(document["definitions"], _META), group_version, kind)
    return result


def write(folder: Path, group_version: str, kind: str, schema: dict[str, Any]) -> None:
    """Write a schema where kubeconform looks for it: <group>/<kind>_<version>.json."""
    group, _, version = group_version.rpartition("/")
    path = folder / (group or version) / f"{kind.lower()}_{version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


def _strict_inside(value: object) -> object:
    if isinstance(value, list):
        return [_strict_inside(item) for item in value]
    return strict(value) if isinstance(value, dict) else value


def _keeps_unknown(node: dict[str, Any]) -> bool:
    return bool(
        node.get("x-kubernetes-preserve-unknown-fields") or node.get("x-kubernetes-embedded-resource")
    )


def _object(body: dict[str, Any], needed: dict[str, Any], group_version: str, kind: str) -> dict[str, Any]:
    body["properties"]["apiVersion"] = {"const": group_version}
    body["properties"]["kind"] = {"const": kind}
    body["required"] = sorted({*body.get("required", []), "apiVersion", "kind", "metadata"})
    return {"$schema": "http://json-schema.org/draft-07/schema#", **body, "definitions": needed}


def _needed(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """A definition and all that it refers to, as strict schemas."""
    definitions_by_name: dict[str, Any] = {}
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current in definitions_by_name:
            continue
        definitions_by_name[current] = _ALSO_NUMBERS.get(current) or strict(definitions[current])
        open_names += _references(definitions_by_name[current])
    return definitions_by_name


def _references(node: object) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].removeprefix(_REF)] if isinstance(node.get("$ref"), str) else []
    return own + [name for value in node.values() for name in _references(value)]


def module_folder(module: str) -> Path:
    """The folder of a Go module, downloaded when it is not there."""
    command = ["go", "mod", "download", "-json", module]
    environment = os.environ | {"GOFLAGS": "-mod=mod"}
    process = subprocess.run(command, cwd=FOLDER.anchor, env=environment, capture_output=True, check=True)
    return Path(json.loads(process.stdout)["Dir"])


def main() -> None:
    """Write all schemas again."""
    source = module_folder(KUBERNETES) / "api" / "openapi-spec" / "swagger.json"
    document = json.loads(source.read_text(encoding="utf-8"))
    for group_version, kinds in BUILT_IN.items():
        for kind in kinds.split():
            write(FOLDER, group_version, kind, built_in(document, group_version, kind))
    for module, files in CUSTOM.items():
        folder = module_folder(module)
        for file in files:
            definition = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
            for group_version, schema in custom(document, definition).items():
                write(FOLDER, group_version, definition["spec"]["names"]["kind"], schema)


if __name__ == "__main__":
    main()
