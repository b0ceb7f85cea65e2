"""The commands of the guides: a test runs each block as it stands, or the page says why not.

A guide is one session. kubectl and helm reach an API server without controllers: it stores what a cluster would accept,
and no pod starts. The cluster tests run the pages in CLUSTER on a whole Kubernetes.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
import yaml

from tests.charts.api_server import api_server
from tests.helpers import free_port
from tools.charts.helm import find_tool
from tools.docs.blocks import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
CLUSTER = {"install.md"}
SESSIONS = [page for page in PAGES if page.name not in CLUSTER and any(not b.reason for b in blocks(page))]
ADDRESS = "127.0.0.1:8080"
# A path of a test or of a script in a reason.
NAMED = re.compile(r"(?:tests/|\.ci/)[\w./-]*\w")


class Session:
    """A folder that looks like the repository, and the environment of a user's shell in it."""

    def __init__(self, folder, port):
        self.folder, self.server = folder, None
        for entry in ROOT.iterdir():
            if entry.name not in {".git", "tasks", "build", "run"}:
                (folder / entry.name).symlink_to(entry)
        shutil.copytree(ROOT / "tasks", folder / "tasks")
        tools = Path(find_tool("helm")).parent
        self.environment = os.environ | {
            "PATH": f"{ROOT / '.venv' / 'bin'}:{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SIGNALBOX_STATE_DIR": str(folder / "state"),
            "SIGNALBOX_DATABASE_URL": f"sqlite:///{folder / 'signalbox.db'}",
            "SIGNALBOX_ASSESSOR_PORT": str(port),
        }

    def run(self, text):
        """Run lines of a shell; fails the test with their output."""
        command = ["bash", "-euo", "pipefail", "-c", text]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


def api_keys(session):
    """The assessor that the guide starts: it reads the file when another key is added."""
    session.run("signalbox keys add another --file keys.yaml")
    environment = session.environment | {"SIGNALBOX_API_KEYS_FILE": str(session.folder / "keys.yaml")}
    return running_assessor(environment)


def check_boot(session):
    log = ROOT / "tests" / "data" / "boots" / "vllm-0.24.0-h100-llama-8b.log"
    (session.folder / "boot.log").write_bytes(log.read_bytes())


def gitops(session):
    """The kinds of Argo CD and Flux, whose controllers are in these namespaces."""
    session.run("kubectl create namespace argocd; kubectl create namespace flux-system")
    files = (ROOT / "charts").glob("*/examples/gitops/*.yaml")
    kinds = {"Application", "HelmRelease", "OCIRepository"}
    objects = [item for file in files for item in yaml.safe_load_all(file.read_text()) if item]
    session.server.define([item for item in objects if item["kind"] in kinds])


def openshift(session):
    """The kinds that OpenShift's monitoring defines."""
    session.server.define([{"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor"}])


def own_task(session):
    shutil.copytree(session.folder / "tasks" / "tickets", session.folder / "tasks" / "mine")


def private_ca(session):
    """A company's certificate, and the releases that are upgraded."""
    certificate = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -keyout company.key -out company.crt"
    )
    charts = ("model-server", "assessor", "pipelines")
    session.run(
        "\n".join([f"{certificate} 2>/dev/null", *(f"helm install {name} charts/{name}" for name in charts)])
    )


# What a page needs that its own commands do not create.
PREPARATION = {
    "api-keys.md": api_keys,
    "check-boot.md": check_boot,
    "gitops.md": gitops,
    "monitoring.md": lambda session: running_assessor(session.environment),
    "openshift.md": openshift,
    "pipelines.md": own_task,
    "private-ca.md": private_ca,
}


@contextlib.contextmanager
def running_assessor(environment):
    command = [sys.executable, "-m", "services.assessor"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        url = f"http://127.0.0.1:{environment['SIGNALBOX_ASSESSOR_PORT']}/healthz"
        deadline = time.monotonic() + 60
        try:
            while not answers(url):
                assert process.poll() is None, process.stdout.read().decode()
                assert time.monotonic() < deadline, "the assessor does not answer"
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)


def answers(url):
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url).status_code == 200
    return False


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_the_commands_of_a_guide_run_in_order(page, tmp_path):
    texts = [block.text for block in blocks(page) if not block.reason]
    port = free_port()
    with contextlib.ExitStack() as stack:
        folder = tmp_path / "session"
        folder.mkdir()
        session = Session(folder, port)
        if re.search(r"^(kubectl|helm) ", "\n".join(texts), re.MULTILINE):
            (tmp_path / "server").mkdir()
            session.server = stack.enter_context(api_server(tmp_path / "server"))
            session.environment["KUBECONFIG"] = str(session.server.kubeconfig)
        if prepared := PREPARATION.get(page.name, lambda _: None)(session):
            stack.enter_context(prepared)
        output = session.run("\n".join(texts).replace(ADDRESS, f"127.0.0.1:{port}"))
    assert output.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_bash_block_is_read(page):
    fences = re.findall(r"^ *```(?:bash|sh|shell|console)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(blocks(page)) == len(fences)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_reason_names_tests_that_exist(page):
    for block in blocks(page):
        for path in NAMED.findall(block.reason):
            assert (ROOT / path).exists(), f"{page.name}:{block.line}: {path}"


@pytest.mark.parametrize("name", sorted(CLUSTER))
def test_a_page_that_needs_a_cluster_has_a_cluster_test(name):
    test = ROOT / "tests" / "cluster" / f"test_guide_{Path(name).stem}.py"
    assert f"docs/guides/{name}" in test.read_text(encoding="utf-8")


def test_a_block_in_a_list_is_read_without_its_indentation(tmp_path):
    (tmp_path / "page.md").write_text(
        "1. Step\n\n   <!-- not run: needs a GPU -->\n   ```bash\n   one\n     two\n   ```\n```bash\nthree\n```\n"
    )
    first, second = blocks(tmp_path / "page.md")
    assert (first.text, first.reason, first.line) == ("one\n  two\n", "needs a GPU", 5)
    assert (second.text, second.reason) == ("three\n", "")
