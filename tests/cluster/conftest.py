"""One cluster for all tests here. One that is up already is used and left up: `python -m tools.cluster up`."""

import base64
import json
import time
from contextlib import contextmanager

import pytest

from tests.cluster.support.installed import Installed, fill_volumes
from tools.cluster.cluster import default_layout, down, up
from tools.cluster.images import project_archives
from tools.cluster.inside import Inside
from tools.cluster.stack import IMAGES, RESTRICTED


@pytest.fixture(scope="session")
def cluster():
    layout = default_layout()
    if Inside(layout).pid() is not None:
        yield Cluster(Inside(layout))
        return
    inside = up(layout, project_archives(IMAGES))
    yield Cluster(inside)
    down(layout)


@pytest.fixture(scope="session")
def installed(cluster, tmp_path_factory):
    with cluster.namespace("application") as namespace:
        fill_volumes(cluster, namespace, tmp_path_factory.mktemp("encoder"))
        yield Installed(cluster, namespace)


@pytest.fixture(scope="session")
def model_server(installed):
    """The notes of the installed model server."""
    return installed.install("model-server")


@pytest.fixture(scope="session")
def assessor(installed, model_server):
    """The notes of the installed assessor, when its encoder on KServe is ready."""
    notes = installed.install("assessor")
    ready = ("wait", "inferenceservice", "--all", "--for=condition=Ready", "--timeout=120s")
    done = installed.kubectl(*ready, check=False, timeout=150)
    assert done.returncode == 0, installed.state()
    return notes


@pytest.fixture(scope="session")
def pipelines(installed, assessor):
    """The notes of the installed jobs, with MLflow and the page of metrics."""
    return installed.install("pipelines")


class Cluster:
    """kubectl and helm inside the cluster, and what tests do with them again and again."""

    def __init__(self, inside):
        self.inside = inside

    def kubectl(self, *words, **options):
        return self.inside.run("kubectl", *words, **options)

    def helm(self, *words, **options):
        return self.inside.run("helm", *words, **options)

    def shell(self, text, **options):
        """Run lines of a shell as a person would who sits in the cluster."""
        return self.inside.run("bash", "-euo", "pipefail", "-c", text, **options)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def secret(self, namespace, name, key):
        data = self.get("secret", name, f"--namespace={namespace}")["data"]
        return base64.b64decode(data[key]).decode()

    @contextmanager
    def namespace(self, name, labels=RESTRICTED):
        """A namespace that enforces restricted pods, deleted with all that is in it."""
        self.kubectl("create", "namespace", name)
        self.kubectl("label", "namespace", name, *(f"{key}={value}" for key, value in labels.items()))
        self.until("the account of the namespace", lambda: self._has_account(name))
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--timeout=110s")

    def _has_account(self, namespace):
        words = ("get", "serviceaccount", "default", f"--namespace={namespace}")
        return self.kubectl(*words, check=False).returncode == 0

    @staticmethod
    def until(what, holds, seconds=60.0):
        """Ask again and again until it holds, and return what it then gives."""
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < deadline, f"{what}: not so after {seconds:.0f} s"
            time.sleep(0.3)
        return found
