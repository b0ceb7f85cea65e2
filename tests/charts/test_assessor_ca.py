"""An authority of one's own: the assessor and the jobs trust what it signed, by the variables that their charts set."""

import contextlib
import shutil
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from tests.charts.conftest import POSTGRES, environment, one, pod_of, pods, render
from tests.charts.pipelines_chart import ALL_JOBS
from tests.helpers import RELEASE, answering, running_postgres, say_json

BUNDLE = {"caBundle": {"existingConfigMap": "house", "key": "bundle.pem"}}
PLACE = "/etc/signalbox/ca/bundle.pem"
ALL = {"assessor": POSTGRES, "pipelines": ALL_JOBS}


def given(chart: str, kind: str, values: dict | None = None) -> dict[str, str]:
    """The variables by which a pod of the chart is told of the bundle, with the place where it lies."""
    pod = pod_of(one(render(chart, (values or {}) | BUNDLE), kind))
    return {name: PLACE for name, item in environment(pod).items() if item.get("value") == PLACE}


@pytest.mark.parametrize("chart", ALL)
def test_every_pod_that_asks_others_mounts_the_bundle_read_only(chart):
    # The pod of `helm test` asks the assessor alone, within the cluster.
    found = {
        place: pod
        for item in render(chart, ALL[chart] | BUNDLE)
        for place, pod in pods(item)
        if place != "Pod/x-assessor-assess.spec"
    }
    assert len(found) >= 2
    for pod in found.values():
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "ca"]
        assert volume["configMap"] == {"name": "house"}
        (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "ca"]
        assert (mount["mountPath"], mount["readOnly"]) == (PLACE.rpartition("/")[0], True)
        assert PLACE in [item.get("value") for item in pod["containers"][0]["env"]]


@pytest.mark.parametrize("chart", ALL)
def test_without_a_bundle_there_is_nothing_of_it(chart):
    text = yaml.safe_dump(render(chart, ALL[chart]))
    assert "/ca/" not in text
    assert "name: ca\n" not in text


def test_mlflow_is_told_by_the_variable_of_its_client_of_s3():
    assert given("pipelines", "Deployment").keys() == {"AWS_CA_BUNDLE"}


# --- against real servers ---------------------------------------------------------------------------------


class Everything(BaseHTTPRequestHandler):
    """As much of a decoder, an encoder, an assessor and MLflow as one question asks for."""

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
def authority(tmp_path_factory) -> Path:
    """A folder with an authority, ca.crt, and what it signed for loopback: server.crt, server.key."""
    folder = tmp_path_factory.mktemp("ca")
    openssl(folder, "-subj", "/CN=house", "-keyout", "ca.key", "-out", "ca.crt")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-subj", "/CN=server")
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl(folder, *signed, *names, "-keyout", "server.key", "-out", "server.crt")
    return folder


@pytest.fixture(scope="module")
def url(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
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
from signalbox.client import direct_client
print(direct_client("URL", 10).get("URL/healthz").status_code)
"""
# Who asks → (chart, kind of the object whose variables it gets, script, what it prints).
ASKED = {
    "the assessor its decoder": ("assessor", "Deployment", DECODER, "yes"),
    "the assessor its encoder": ("assessor", "Deployment", ENCODER, "toy"),
    "a job the decoder": ("pipelines", "Job", DECODER, "yes"),
    "a job the encoder": ("pipelines", "Job", ENCODER, "toy"),
    "a job the assessor": ("pipelines", "Job", ASSESSOR, "200"),
    "a job MLflow": ("pipelines", "Job", MLFLOW, "0"),
}


def asked(script: str, url: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the libraries read the variables at their start."""
    command = [sys.executable, "-c", script.replace("URL", url)]
    env = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **variables}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("who", ASKED)
def test_what_the_own_authority_signed_is_trusted_with_the_bundle_alone(who, url, authority):
    chart, kind, script, said = ASKED[who]
    here = {name: str(authority / "ca.crt") for name in given(chart, kind)}
    trusting = asked(script, url, here)
    assert (trusting.returncode, trusting.stdout.strip()) == (0, said), trusting.stderr
    refusing = asked(script, url, {})
    assert refusing.returncode != 0
    assert "certificate verify failed" in refusing.stderr.lower()


@contextlib.contextmanager
def postgres_with(authority: Path):
    """The URL of a database behind the certificate that the authority signed."""
    with running_postgres() as server:
        for name in ("server.crt", "server.key"):
            copy = Path(shutil.copy(authority / name, server.folder / "data" / name))
            copy.chmod(0o600)
            owner = (server.folder / "data").stat()
            shutil.chown(copy, owner.st_uid, owner.st_gid)
        url = server.create("records")
        server.run("psql", "-c", "ALTER SYSTEM SET ssl = on", url)
        server.stop()
        server.start()
        yield url


@pytest.mark.slow
def test_postgres_is_checked_against_the_bundle_where_its_url_asks_for_it(authority, tmp_path):
    command = [sys.executable, "-m", "signalbox.cli", "migrate"]
    (name,) = [name for name in given("assessor", "Job", POSTGRES) if name.startswith("PG")]
    openssl(tmp_path, "-subj", "/CN=other", "-keyout", "ca.key", "-out", "other.crt")
    with postgres_with(authority) as url:
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
            for bundle in (tmp_path / "other.crt", authority / "ca.crt")
        }
    refused, trusted = done.values()
    assert refused.returncode == 1
    assert "certificate verify failed" in refused.stderr
    assert "PGSSLROOTCERT" in refused.stderr
    assert (trusted.returncode, trusted.stdout) == (0, "migrated: 0001_records\n"), trusted.stderr
