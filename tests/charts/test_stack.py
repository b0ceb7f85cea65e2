"""charts/signalbox: one installation whose parts find each other, and several model servers of one template."""

import base64
import gzip
import json
import re

import pytest
import yaml

from signalbox.settings import Settings
from tests.charts.conftest import GENERATED, chart_folder, one, pod_of, pods, render, render_error
from tests.charts.test_common import contents
from tools.charts.vendor import dependencies

STACK = chart_folder("signalbox")
# Service in this namespace, as a URL in an environment variable.
URL = re.compile(r"^http://([a-z0-9][-a-z0-9]*)(?:\.models\.svc)?(?::[0-9]+)?(?:/|$)")
OTHER = {part: {"decoder": {"url": "http://vllm.other/v1"}} for part in ("assessor", "pipelines")}
SMALL = {"model": {"name": "Qwen/Qwen2.5-0.5B-Instruct"}, "gpu": {"product": "T4"}, "quantization": "fp16"}
TWO = {
    "models": {
        "small": SMALL,
        "large": {"model": {"name": "Qwen/Qwen2.5-7B-Instruct"}, "gpu": {"product": "L4"}},
    }
}


def names(objects, kind):
    return {item["metadata"]["name"] for item in objects if item["kind"] == kind}


def variables(objects):
    """Environment variables of all pods, as their entries."""
    specs = [spec for item in objects for _, spec in pods(item)]
    return [entry for spec in specs for container in spec["containers"] for entry in container.get("env", [])]


@pytest.mark.parametrize("release", ["signalbox", "prod-eu"])
def test_the_names_match_under_any_release_name(release):
    """Every Secret, claim and Service that a pod names is one of the release; no value is set."""
    objects = render("signalbox", GENERATED, name=release)
    secrets = {
        entry["valueFrom"]["secretKeyRef"]["name"] for entry in variables(objects) if "valueFrom" in entry
    }
    assert secrets <= names(objects, "Secret")
    volumes = [volume for item in objects for _, spec in pods(item) for volume in spec.get("volumes", [])]
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in volumes
        if "persistentVolumeClaim" in volume
    }
    assert claims <= names(objects, "PersistentVolumeClaim")
    hosts = {match[1] for entry in variables(objects) if (match := URL.match(str(entry.get("value", ""))))}
    assert {"model-server", "assessor", "pipelines-mlflow"} <= hosts
    assert hosts <= names(objects, "Service")


def test_one_installation_has_all_parts():
    objects = render("signalbox")
    assert names(objects, "Deployment") == {
        "model-server",
        "assessor",
        "assessor-encoder",
        "pipelines-mlflow",
    }
    assert names(objects, "CronJob") == {"pipelines-calibrate", "pipelines-evaluate"}
    (train,) = names(objects, "Job")
    assert train.startswith("pipelines-train")


@pytest.mark.parametrize(
    ("values", "gone"),
    [
        ({"model-server": {"enabled": False}} | OTHER, "model-server"),
        ({"assessor": {"enabled": False}, "pipelines": {"persistence": {"existingClaim": ""}}}, "assessor"),
        ({"pipelines": {"enabled": False}}, "pipelines"),
    ],
)
def test_each_part_can_be_switched_off(values, gone):
    everything, rest = render("signalbox"), render("signalbox", values)
    assert {item["metadata"]["labels"]["app.kubernetes.io/name"] for item in rest} == {
        item["metadata"]["labels"]["app.kubernetes.io/name"] for item in everything
    } - {gone}


def test_mlflow_can_be_elsewhere():
    values = {"pipelines": {"mlflow": {"enabled": False, "url": "http://mlflow.other"}}}
    assert not {name for name in names(render("signalbox", values), "Deployment") if "mlflow" in name}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            TWO | {"assessor": {"decoder": {"url": "http://model-big/v1"}}},
            "Use http://model-large/v1 or http://model-server/v1 or http://model-small/v1.",
        ),
        (
            {"assessor": {"enabled": False}},
            'pipelines.persistence.existingClaim: "assessor", but assessor.enabled is false',
        ),
        (
            {"assessor": {"database": {"type": "postgres", "postgres": {"existingSecret": "a"}}}},
            'pipelines.database.type: "sqlite", but assessor.database.type is "postgres".',
        ),
        ({"models": {"server": SMALL}}, 'models.server: its name "model-server" is that of another server.'),
    ],
)
def test_parts_that_cannot_work_together_are_rejected(values, message):
    assert message in render_error("signalbox", values)


@pytest.mark.parametrize(
    ("values", "place", "key"),
    [
        ({"asessor": {}}, "", "asessor"),
        ({"assessor": {"decodr": {}}}, "", "decodr"),
        ({"model-server": {"gpu": {"produkt": "T4"}}}, "/gpu", "produkt"),
        ({"pipelines": {"mlflow": {"enabeld": True}}}, "/mlflow", "enabeld"),
        ({"models": {"small": {"engin": "vllm"}}}, "/models/small", "engin"),
        ({"models": {"small": {"gpu": {"produkt": "T4"}}}}, "/models/small/gpu", "produkt"),
    ],
)
def test_misspelled_keys_of_all_parts_are_rejected(values, place, key):
    assert f"at '{place}': additional properties '{key}' not allowed" in render_error("signalbox", values)


def test_several_model_servers_are_releases_of_one_template():
    models = {name: values | GENERATED["model-server"] for name, values in TWO["models"].items()}
    objects = render("signalbox", TWO | GENERATED | {"models": models})
    servers = ["model-server", "model-small", "model-large"]
    labels = [one(objects, "Service", name)["spec"]["selector"] for name in servers]
    assert len({json.dumps(selector, sort_keys=True) for selector in labels}) == len(servers)
    for name, selector in zip(servers, labels, strict=True):
        deployment = one(objects, "Deployment", name)
        assert deployment["spec"]["selector"]["matchLabels"] == selector
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        policy = one(objects, "NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"]
        assert policy.items() <= selector.items()
        assert {f"{name}-key"} <= names(objects, "Secret")


def test_a_server_of_the_map_equals_a_release_of_its_chart():
    """Apart from names, which the map sets, and the labels of the release."""
    alone = one(
        render("model-server", SMALL | {"fullnameOverride": "model-small", "nameOverride": "model-small"}),
        "Deployment",
    )
    stacked = one(render("signalbox", TWO), "Deployment", "model-small")
    assert stacked == alone


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"replicas": 0}, "replicas"),
        ({"apiKey": {"enabled": False}}, "apiKey"),
        ({"persistence": {"enabled": False}}, "persistence"),
    ],
)
def test_false_and_zero_of_a_server_replace_defaults(values, key):
    objects = render("signalbox", {"models": {"small": SMALL | values}})
    alone = render(
        "model-server", SMALL | values | {"fullnameOverride": "model-small", "nameOverride": "model-small"}
    )
    assert one(objects, "Deployment", "model-small")["spec"] == one(alone, "Deployment")["spec"], key


def test_a_server_of_the_map_can_be_switched_off():
    objects = render("signalbox", {"models": {"small": {"enabled": False}}})
    assert not {
        item["metadata"]["name"] for item in objects if item["metadata"]["name"].startswith("model-small")
    }


def test_the_map_renders_every_template_of_the_chart():
    text = (STACK / "templates" / "models.yaml").read_text(encoding="utf-8")
    block = text.partition("$templates := list ")[2].partition("-}}")[0]
    folder = chart_folder("model-server") / "templates"
    assert set(re.findall(r'"([^"]+)"', block)) == {
        str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")
    }


def test_the_copies_equal_their_sources_without_examples_and_readme():
    for name, source in dependencies(STACK).items():
        files = {
            path: text
            for path, text in contents(source).items()
            if not path.startswith(("examples/", "README.md"))
        }
        assert contents(STACK / "charts" / name) == files, "run `make generate`"
    defaults = STACK / "files" / "defaults" / "model-server.yaml"
    assert defaults.read_bytes() == (chart_folder("model-server") / "values.yaml").read_bytes(), (
        "run `make generate`"
    )


def test_each_model_has_files_of_its_own():
    """Templates and Modelfiles are in ConfigMaps, which the template of the stack renders for each model."""
    gguf = {"quantization": "gguf-q4_k_m", "concurrency": 1, "gpu": {"product": "CPU", "count": 0}}
    ollama = {
        "engine": "ollama",
        "model": {"name": "a", "sizeGiB": 1},
        "ollama": {"modelfiles": {"a": "FROM b"}},
    }
    template = {"engine": "sglang", "model": {"name": "a/b", "sizeGiB": 1}, "chatTemplate": {"text": "c"}}
    models = {"small": gguf | ollama, "large": {"gpu": {"product": "L4", "count": 1}} | template}
    objects = render("signalbox", {"models": models})
    data = {item["metadata"]["name"]: item["data"] for item in objects if item["kind"] == "ConfigMap"}
    volumes = {
        volume["configMap"]["name"]
        for item in objects
        if item["kind"] == "Deployment"
        for volume in pod_of(item)["volumes"]
        if volume["name"] == "files"
    }
    assert {tuple(data[name]) for name in volumes} == {("a",), ("chat-template.jinja",)}


def test_a_revision_fits_into_a_secret():
    """Helm stores chart, values and manifest of each revision in one Secret of at most 1 MiB, but no charts below the chart."""
    files = [
        path for path in STACK.rglob("*") if path.is_file() and "charts" not in path.relative_to(STACK).parts
    ]
    chart = {
        path.name: base64.b64encode(path.read_bytes()).decode()
        for path in files
        if "examples" not in path.parts
    }
    release = {"chart": chart, "manifest": yaml.safe_dump_all(render("signalbox", TWO))}
    size = len(base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))))
    assert size < 200_000, f"{size / 1000:.0f} kB"


def test_the_assessor_reads_what_the_jobs_write():
    """Without a mount of its own: thresholds and records are on the claim of the assessor."""
    objects = render("signalbox")
    train = next(item for item in objects if item["kind"] == "Job")
    for item in (train, one(objects, "Deployment", "assessor")):
        claims = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod_of(item)["volumes"]
            if "persistentVolumeClaim" in volume
        }
        assert claims == {"assessor"}, item["metadata"]["name"]


def test_an_installation_needs_at_most_five_values():
    """Those that the guide lists for a registry of your own; the release has any name, and all parts are installed."""
    page = (STACK.parents[1] / "docs" / "guides" / "install.md").read_text(encoding="utf-8")
    values = yaml.safe_load(
        re.search(r"registry\.yaml <<'END'\n(.*?)^END$", page, re.DOTALL | re.MULTILINE)[1]
    )
    count = len(re.findall(r"\w+: [^{\s]", yaml.safe_dump(values)))
    assert count == 4
    images = {
        container["image"]
        for item in render("signalbox", values)
        for _, spec in pods(item)
        for container in spec["containers"]
    }
    own = {image for image in images if "signalbox/" in image}
    assert {image.partition("/")[0] for image in own} == {"registry.example.org"}
    assert {image.rpartition("/")[2].partition(":")[0] for image in own} == {
        "assessor",
        "encoder",
        "mlflow",
        "pipelines",
    }


def test_with_postgres_the_assessor_reads_what_a_later_calibration_writes():
    """The claim is that of the jobs, from the first installation on, and no subPath has to exist in it."""
    values = yaml.safe_load((STACK / "values-postgres.yaml").read_text(encoding="utf-8"))
    objects = render("signalbox", values)
    assert "pipelines" in names(objects, "PersistentVolumeClaim")
    pod = pod_of(one(objects, "Deployment", "assessor"))
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "thresholds"]
    assert volume["persistentVolumeClaim"] == {"claimName": "pipelines"}
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "thresholds"]
    assert "subPath" not in mount
    (path,) = [e["value"] for e in pod["containers"][0]["env"] if e["name"] == "SIGNALBOX_THRESHOLDS_PATH"]
    # The jobs mount the same claim as their state, and write below `thresholds`.
    jobs = [spec for item in objects if item["kind"] == "CronJob" for _, spec in pods(item)]
    (folder,) = {m["mountPath"] for spec in jobs for m in spec["containers"][0]["volumeMounts"] if m["name"] == "state"}  # fmt: skip
    written = Settings(state_dir=folder).thresholds_dir
    assert path == str(written).replace(folder, mount["mountPath"])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"gpu": {"product": "L5"}}, 'models.small: gpu.product: unknown product "L5"'),
        ({"gpu": {"labelSet": "eks", "product": "MI300X"}}, "models.small: gpu.labelSet: "),
        ({"image": {"tag": "latest"}}, 'models.small: image.tag: "latest" does not identify a version.'),
        (
            {"gpu": {"product": "T4"}, "dtype": "bfloat16"},
            "models.small: dtype: bfloat16 requires compute capability 8.0",
        ),
        ({"model": {"name": "example/unknown"}}, "models.small: model.sizeGiB: is required"),
        (
            {"podTemplate": {"spec": {"containers": [{"name": "sever"}]}}},
            'models.small: podTemplate.spec.containers: unknown container "sever"',
        ),
        (
            {"helmTest": {"podTemplate": {"spec": {"containers": [{"name": "test"}]}}}},
            'models.small: podTemplate.spec.containers: unknown container "test"',
        ),
        ({"contxt": 1}, "/models/small': additional properties 'contxt' not allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_in_an_entry_of_models_names_the_entry(values, problem):
    assert problem in render_error("signalbox", {"models": {"small": values}})


def test_an_entry_leaves_no_trace_in_its_objects():
    template = {"podTemplate": {"spec": {"dnsPolicy": "Default"}}}
    objects = render("signalbox", {"models": {"small": template}})
    pod = one(objects, "Deployment", "model-small")["spec"]["template"]
    assert pod.keys() == {"metadata", "spec"}
    assert "models.small" not in str(pod)
