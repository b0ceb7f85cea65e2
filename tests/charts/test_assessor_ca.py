"""Private CA: the assessor and the jobs trust its certificates through the variables that their charts set."""

import contextlib
import shutil
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from signalbox.store.migrations import MIGRATIONS
from tests.charts.conftest import POSTGRES, environment, one, pod_of, pods, render
from tests.charts.pipelines_chart import ALL_JOBS
from tests.helpers import RELEASE, answering, running_postgres, say_json

BUNDLE = {"caBundle": {"existingConfigMap": "house", "key": "bundle.pem"}}
PLACE = "/etc/signalbox/ca/bundle.pem"
ALL = {"assessor": POSTGRES, "pipelines": ALL_JOBS}


def bundle_variables(chart: str, kind: str, values: dict | None = None) -> dict[str, str]:
    """Variables of a pod of the chart with the path of the bundle."""
    objects = render(chart, (values or {}) | BUNDLE)
    # The encoder has a Deployment of its own, and calls nobody.
    pod = pod_of(one([item for item in objects if item["metadata"]["name"] != "x-assessor-encoder"], kind))
    return {name: PLACE for name, item in environment(pod).items() if item.get("value") == PLACE}


@pytest.mark.parametrize("chart", ALL)
def test_every_pod_that_calls_other_servers_mounts_the_bundle_read_only(chart):
    # The pod of `helm test` calls only the assessor, within the cluster, and the encoder calls nobody.
    callers_of_none = {"Pod/x-assessor-assess.spec", "Deployment/x-assessor-encoder.spec.template.spec"}
    pods_by_place = {
        place: pod
        for item in render(chart, ALL[chart] | BUNDLE)
        for place, pod in pods(item)
        if place not in callers_of_none
    }
    assert len(pods_by_place) >= 2
    for pod in pods_by_place.values():
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "ca"]
        assert volume["configMap"] == {"name": "house"}
        (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "ca"]
        assert (mount["mountPath"], mount["readOnly"]) == (PLACE.rpartition("/")[0], True)
        assert PLACE in [item.get("value") for item in pod["containers"][0]["env"]]


@pytest.mark.parametrize("chart", ALL)
def test_without_a_bundle_no_object_mentions_it(chart):
    text = yaml.safe_dump(render(chart, ALL[chart]))
    assert "/ca/" not in text
    assert "name: ca\n" not in text


def test_mlflow_gets_the_variable_of_its_s3_client():
    assert bundle_variables("pipelines", "Deployment").keys() == {"AWS_CA_BUNDLE"}


# --- against real servers ---------------------------------------------------------------------------------


class Everything(BaseHTTPRequestHandler):
    """As much of a decoder, an encoder, an assessor and MLflow as one request needs."""

    def do_GET(self) -> None:
        say_json(self, {"name": "encoder", "parameters": {"release": RELEASE.model_dump_json()}})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "Yes. Because."}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        about = {
            "id": "1",
            "created": 1,
            "model": "m",
            "system_fingerprint": "f",
            "object": "chat.completion",
        }
        say_json(self, about | {"choices": [choice], "usage": usage, "experiments": []})

    def log_message(self, *_: object) -> None:
        return


def openssl(folder: Path, *arguments: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    subprocess.run(["openssl", "req", "-x509", *key, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def private_ca(tmp_path_factory) -> Path:
    """A folder with a private CA, ca.crt, and its certificate for loopback: server.crt, server.key."""
    folder = tmp_path_factory.mktemp("ca")
    openssl(folder, "-subj", "/CN=house", "-keyout", "ca.key", "-out", "ca.crt")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-subj", "/CN=server")
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl(folder, *signed, *names, "-keyout", "server.key", "-out", "server.crt")
    return folder


@pytest.fixture(scope="module")
def url(private_ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private_ca / "server.crt", private_ca / "server.key")
    with answering(Everything, context) as url:
        yield url


DECODER = """
import asyncio
from signalbox.models.decoder import DecoderClient
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import RELEASE
task = load_task(Settings().task)
client = DecoderClient(task, "URL/v1", model="m", engine="llama.cpp", release=RELEASE)
print(asyncio.run(client.answer("A text.", "en")).stated)
"""
ENCODER = """
import asyncio
from signalbox.models.encoder import EncoderClient
print(asyncio.run(EncoderClient("URL", timeout_seconds=10).release()).name)
"""
MLFLOW = """
import mlflow
print(len(mlflow.MlflowClient("URL").search_experiments()))
"""
ASSESSOR = """
from signalbox.assessor_client import direct_client
print(direct_client("URL", 10).get("URL/healthz").status_code)
"""
# Call → (chart, kind of the object with the variables, script, output of the script).
CALLS = {
    "the assessor its decoder": ("assessor", "Deployment", DECODER, "yes"),
    "the assessor its encoder": ("assessor", "Deployment", ENCODER, "toy"),
    "a job the decoder": ("pipelines", "Job", DECODER, "yes"),
    "a job the encoder": ("pipelines", "Job", ENCODER, "toy"),
    "a job the assessor": ("pipelines", "Job", ASSESSOR, "200"),
    "a job MLflow": ("pipelines", "Job", MLFLOW, "0"),
}


def run_script(script: str, url: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script in a separate process: the libraries read the variables at startup."""
    command = [sys.executable, "-c", script.replace("URL", url)]
    env = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **variables}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_certificate_of_a_private_ca_is_trusted_only_with_the_bundle(call, url, private_ca):
    chart, kind, script, output = CALLS[call]
    here = {name: str(private_ca / "ca.crt") for name in bundle_variables(chart, kind)}
    with_bundle = run_script(script, url, here)
    assert (with_bundle.returncode, with_bundle.stdout.strip()) == (0, output), with_bundle.stderr
    without_bundle = run_script(script, url, {})
    assert without_bundle.returncode != 0
    assert "certificate verify failed" in without_bundle.stderr.lower()


@contextlib.contextmanager
def postgres_with(private_ca: Path):
    """The URL of a database with a certificate of the private CA."""
    with running_postgres() as server:
        for name in ("server.crt", "server.key"):
            copy = Path(shutil.copy(private_ca / name, server.folder / "data" / name))
            copy.chmod(0o600)
            owner = (server.folder / "data").stat()
            shutil.chown(copy, owner.st_uid, owner.st_gid)
        url = server.create("records")
        server.run("psql", "-c", "ALTER SYSTEM SET ssl = on", url)
        server.stop()
        server.start()
        yield url


@pytest.mark.slow
def test_the_certificate_of_postgres_is_verified_if_its_url_says_so(private_ca, tmp_path):
    command = [sys.executable, "-m", "signalbox.cli", "migrate"]
    (name,) = [name for name in bundle_variables("assessor", "Job", POSTGRES) if name.startswith("PG")]
    openssl(tmp_path, "-subj", "/CN=other", "-keyout", "ca.key", "-out", "other.crt")
    with postgres_with(private_ca) as url:
        done = {
            bundle: subprocess.run(
                command,
                env={
                    "HOME": str(tmp_path),
                    "SIGNALBOX_DATABASE_URL": f"{url}?sslmode=verify-full",
                    name: str(bundle),
                },
                capture_output=True,
                text=True,
                check=False,
            )
            for bundle in (tmp_path / "other.crt", private_ca / "ca.crt")
        }
    rejection, success = done.values()
    assert rejection.returncode == 1
    assert "certificate verify failed" in rejection.stderr
    assert "PGSSLROOTCERT" in rejection.stderr
    assert (success.returncode, success.stdout) == (
        0,
        f"migrated: {', '.join(one.name for one in MIGRATIONS)}\n",
    ), success.stderr
