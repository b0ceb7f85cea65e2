"""Load on all services at once while something happens: wrk on kept connections, streams, and new connections."""

import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CLIENT = Path(__file__).with_name("client.py")
# For each connection a pause between answer and request: faults are counted here, not speed.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.body = [[{body}]]
function delay() return {pause} end
"""
PAUSE_MILLISECONDS = 40
CONNECTIONS = 4
LONGEST_SECONDS = 900


@dataclass(frozen=True)
class Target:
    """What is asked: `kind` is wrk, stream or chat; `records` if each answer leaves a record."""

    name: str
    kind: str
    url: str
    key: str = ""
    body: str = ""
    records: bool = False


@dataclass
class Count:
    """Requests of one target, and why some failed."""

    requests: int
    failures: list[str] = field(default_factory=list)

    @property
    def failed(self):
        return sum(int(re.match(r"\d+(?= × )|", text)[0] or 1) for text in self.failures)


@contextmanager
def load(cluster, targets, scratch):
    """Ask all targets until the block ends; gives a dict that then has the count of each by name."""
    scratch.mkdir(parents=True, exist_ok=True)
    stop = scratch / "stop"
    stop.unlink(missing_ok=True)
    processes = {target: _start(cluster, target, scratch, stop) for target in targets}
    counts = {}
    try:
        time.sleep(3)
        yield counts
        time.sleep(3)
    finally:
        stop.touch()
        for target in processes:
            if target.kind == "wrk":
                cluster.inside.run(
                    "kill", "-INT", (scratch / f"{target.name}.pid").read_text().strip(), check=False
                )
        for target, process in processes.items():
            output, errors = process.communicate(timeout=150)
            parse = _of_wrk if target.kind == "wrk" else _of_client
            counts[target.name] = parse(output, errors)


def _start(cluster, target, scratch, stop):
    if target.kind == "wrk":
        script = scratch / f"{target.name}.lua"
        text = SCRIPT.format(key=target.key, body=target.body, pause=PAUSE_MILLISECONDS)
        script.write_text(text, encoding="utf-8")
        options = f"--threads 1 --connections {CONNECTIONS} --duration {LONGEST_SECONDS}s --timeout 30s"
        command = f"echo $$ > {scratch / target.name}.pid; exec wrk {options} --script {script} {target.url}"
        words = ("sh", "-c", command)
    else:
        words = (sys.executable, str(CLIENT), target.kind, target.url, target.key, str(stop))
    # Started with the cluster's environment: it has no proxy.
    return subprocess.Popen(
        cluster.inside.command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=cluster.inside.layout.environment(),
    )


def _of_client(output, errors):
    assert output, errors
    return Count(**json.loads(output.splitlines()[-1]))


def _of_wrk(output, errors):
    """wrk prints errors of connections and other statuses only where there are any."""
    requests = re.search(r"(\d+) requests in ", output)
    assert requests, output + errors
    failures = []
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    for name, number in zip(
        ("connect", "read", "write", "timeout"), sockets.groups() if sockets else (), strict=False
    ):
        if int(number):
            failures.append(f"{number} × {name} error")
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if statuses:
        failures.append(f"{statuses[1]} × HTTP status")
    return Count(int(requests[1]), failures)
