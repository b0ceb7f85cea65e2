"""Ask from inside a pod: with its address, its routes and the rules that hold for it, whatever its image has in it."""

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass

from tools.cluster.layout import ADDRESSES

# Exit statuses of curl after which it is known whether a connection came about; any other is a fault of the test.
_TOLD = (0, 7, 28, 52)  # answered, refused, no answer in time, closed without an answer
_FIND = 'for file in /run/netns/*; do ip -n "${file##*/}" -o -4 addr | grep -qwF "inet $1" && echo "${file##*/}"; done'


@dataclass(frozen=True)
class Peer:
    """A pod by its network namespace, and the address at which it listens."""

    cluster: object
    network: str
    url: str

    @classmethod
    def of(cls, cluster, pod):
        """The peer that a pod is, as the API server describes it; its first port is the one that is asked."""
        address = pod["status"]["podIP"]
        port = pod["spec"]["containers"][0].get("ports", [{"containerPort": 9}])[0]["containerPort"]
        found = cluster.shell(_FIND.replace("$1", address), check=False).stdout.split()
        assert len(found) == 1, (pod["metadata"]["name"], address, found)
        return cls(cluster, found[0], f"http://{address}:{port}/")

    def reaches(self, url):
        """Whether a connection to the URL's address comes about; what is then answered does not matter."""
        words = ("curl", "--silent", "--connect-timeout", "3", "--max-time", "10", "--output", "/dev/null")
        done = self._run(*words, "--write-out", "%{num_connects}", url)
        assert done.returncode in _TOLD, f"{self} {url}: curl {done.returncode} {done.stderr}"
        return done.stdout == "1"

    def resolves(self, name):
        return self._run("getent", "hosts", name).returncode == 0

    def _run(self, *words):
        return self.cluster.inside.run("ip", "netns", "exec", self.network, *words, check=False)


def visitor(cluster, namespace, name, **labels):
    """Make a pod that does nothing, wait until it runs, and return it as a peer."""
    words = ("apply", f"--namespace={namespace}", "-f", "-")
    cluster.kubectl(*words, stdin=json.dumps(_idle(name, labels)))
    ready = ("wait", f"pod/{name}", f"--namespace={namespace}", "--for=condition=Ready", "--timeout=60s")
    cluster.kubectl(*ready)
    return Peer.of(cluster, cluster.get("pod", name, f"--namespace={namespace}"))


@contextmanager
def server_outside(cluster):
    """A web server at an address that no pod and no node has; gives its URL."""
    network = ("ip", "netns", "exec", "outside")
    serve = (sys.executable, "-m", "http.server", "80", "--bind", ADDRESSES["OUTSIDE"], "--directory", "/run")
    cluster.inside.start("outside", *network, *serve)
    url = f"http://{ADDRESSES['OUTSIDE']}/"
    ask = ("curl", "--silent", "--output", "/dev/null", url)
    cluster.until("the server outside", lambda: cluster.inside.run(*ask, check=False).returncode == 0)
    try:
        yield url
    finally:
        pid = cluster.inside.layout.work / "pids" / "outside"
        cluster.inside.run("kill", pid.read_text(encoding="utf-8").strip())
        pid.unlink()


def _idle(name, labels):
    container = {
        "name": "pause",
        "image": "docker.io/signalbox-test/pause:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 0},
    }
