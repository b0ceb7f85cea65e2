"""Run the command that charts/model-server renders for vLLM on this machine's GPUs, and check the chart's promises.

Needs a GPU machine with vLLM, PyYAML and tokenizers, root, and no network: `python -m benchmarks.vllm_rendered OUT RENDERED.yaml`,
where RENDERED.yaml is what `helm template` printed: a Deployment for one GPU, or a LeaderWorkerSet of two nodes with one GPU each.
Command, arguments, environment and user come from the manifest; the model becomes a folder with a public configuration, random
weights (`--load-format dummy`) and a tokenizer made here. Each pod is a process of the pod's user that may write to /cache, /tmp and
/dev/shm only. Written to OUT: findings.json and a log a process.

Looked at: seconds to ready; which routes answer without the key; whether a stream survives SIGTERM (and what a new request gets
meanwhile); with two nodes, what becomes of the one when the other is killed, and whether a stream survives SIGTERM to both.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.vllm_models import configuration, write_model

_KEY = "sk-check"
_READY_SECONDS, _GONE_SECONDS, _WATCH_SECONDS = 240, 150, 70
_MODEL = "meta-llama/Llama-3.2-1B"
_ROUTES = (
    ("GET", "/health"),
    ("GET", "/ping"),
    ("GET", "/version"),
    ("GET", "/load"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/models"),
    ("GET", "/is_sleeping"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/embeddings"),
    ("POST", "/tokenize"),
    ("POST", "/detokenize"),
    ("POST", "/invocations"),
    ("POST", "/classify"),
    ("POST", "/score"),
    ("POST", "/rerank"),
    ("POST", "/pooling"),
    ("POST", "/inference/v1/generate"),
    ("POST", "/scale_elastic_ep"),
    ("POST", "/is_scaling_elastic_ep"),
)


@dataclass
class Pod:
    """A container of the manifest as a process here."""

    name: str
    command: list[str]
    environment: dict[str, str]
    user: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            user=self.user,
            group=self.user,
            extra_groups=[],
            start_new_session=True,
            cwd="/tmp",
        )

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int, *, group: bool = False) -> None:
        assert self.process is not None
        (os.killpg if group else os.kill)(self.process.pid, number)

    def wait_gone(self, seconds: float) -> float | None:
        """Seconds until the process ended, or None."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if not self.alive():
                return round(time.monotonic() - start, 1)
            time.sleep(0.2)
        return None


def pods_of(manifest: Path, model: Path, out: Path, more: list[str]) -> list[Pod]:
    """The manifest's server, or its leader and worker."""
    kinds = {doc["kind"]: doc for doc in yaml.safe_load_all(manifest.read_text(encoding="utf-8")) if doc}
    if "LeaderWorkerSet" in kinds:
        template = kinds["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
        specs = [
            ("leader", template["leaderTemplate"]["spec"]),
            ("worker", template["workerTemplate"]["spec"]),
        ]
    else:
        specs = [("server", kinds["Deployment"]["spec"]["template"]["spec"])]
    return [pod_of(name, spec, rank, model, out, more) for rank, (name, spec) in enumerate(specs)]


def pod_of(name: str, spec: dict[str, Any], rank: int, model: Path, out: Path, more: list[str]) -> Pod:
    container = spec["containers"][0]
    group = {"LWS_GROUP_SIZE": "2", "LWS_WORKER_INDEX": str(rank), "LWS_LEADER_ADDRESS": "127.0.0.1"}
    environment = {"PATH": os.environ["PATH"], "CUDA_VISIBLE_DEVICES": str(rank), **group}
    inherited = ("LD_LIBRARY_PATH", "CUDA_HOME", "PYTHONPATH")
    environment |= {
        key: value for key, value in os.environ.items() if key in inherited or key.startswith("VLLM_")
    }
    for variable in container["env"]:
        environment[variable["name"]] = variable.get("value", _KEY)
    environment.pop("HF_TOKEN", None)
    if name == "worker":  # a folder a pod, as a claim would be shared but a compile cache raced for
        environment["VLLM_CACHE_ROOT"] += "-worker"
    words = [*container["command"], *container["args"]]
    for key, value in group.items():
        words = [word.replace(f"$({key})", value) for word in words]
    words[2] = str(model)
    return Pod(
        name,
        [*words, "--load-format", "dummy", *more],
        environment,
        spec["securityContext"]["runAsUser"],
        out / f"{name}.log",
    )


def ask(method: str, path: str, body: Any = None, key: str | None = None) -> int | str:
    """Status of one request, or the error."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=10)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return connection.getresponse().status
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


def wait_ready(pods: list[Pod]) -> float | None:
    """Seconds until /health answers 200."""
    start = time.monotonic()
    while time.monotonic() - start < _READY_SECONDS and all(pod.alive() for pod in pods):
        if ask("GET", "/health") == 200:
            return round(time.monotonic() - start, 1)
        time.sleep(1)
    return None


class Stream(threading.Thread):
    """One long streamed answer, read to its end."""

    def __init__(self, served: str, tokens: int) -> None:
        super().__init__(daemon=True)
        self.served, self.tokens = served, tokens
        self.times: list[float] = []
        self.done, self.end = False, "still running"

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=60)
        body = {
            "model": self.served,
            "messages": [{"role": "user", "content": "count"}],
            "stream": True,
            "max_tokens": self.tokens,
            "ignore_eos": True,
            "temperature": 0,
        }
        try:
            connection.request(
                "POST",
                "/v1/chat/completions",
                json.dumps(body),
                {"Content-Type": "application/json", "Authorization": f"Bearer {_KEY}"},
            )
            answer = connection.getresponse()
            if answer.status != 200:
                self.end = f"{answer.status} {answer.read()[:200]!r}"
                return
            for line in answer:
                if line.startswith(b"data: "):
                    self.times.append(time.monotonic())
                    self.done = self.done or line.startswith(b"data: [DONE]")
            self.end = "closed"
        except (OSError, http.client.HTTPException) as error:
            self.end = repr(error)


def drain(pods: list[Pod], ended: list[Pod], served: str, context: int) -> dict[str, Any]:
    """SIGTERM to some pods while a stream runs; the others are watched."""
    stream = Stream(served, context - 200)
    stream.start()
    time.sleep(3)
    before, start = len(stream.times), time.monotonic()
    for pod in ended:
        pod.signal(signal.SIGTERM)
    time.sleep(1)
    meanwhile = [
        ask("GET", "/health"),
        ask("POST", "/v1/completions", {"model": served, "prompt": "a"}, _KEY),
    ]
    stream.join(_GONE_SECONDS)
    finished = round(time.monotonic() - start, 1)
    return {
        "ended": [pod.name for pod in ended],
        "chunks_before_sigterm": before,
        "chunks_in_all": len(stream.times),
        "stream_complete": stream.done,
        "stream_end": stream.end,
        "stream_ended_after_seconds": finished,
        "health_and_new_request_meanwhile": meanwhile,
        "gone_after_seconds": {pod.name: pod.wait_gone(30) for pod in pods},
        "rc": {pod.name: pod.process.poll() if pod.process else None for pod in pods},
    }


def kill_one(pods: list[Pod], victim: int) -> dict[str, Any]:
    """SIGKILL to one of two pods: the fate of the other, and /health."""
    other = pods[1 - victim]
    pods[victim].signal(signal.SIGKILL, group=True)
    start, states = time.monotonic(), []
    while time.monotonic() - start < _WATCH_SECONDS and other.alive():
        state = ask("GET", "/health")
        if not states or states[-1][1] != state:
            states.append((round(time.monotonic() - start, 1), state))
        time.sleep(1)
    seconds = round(time.monotonic() - start, 1) if not other.alive() else None
    return {
        "killed": pods[victim].name,
        "health": states,
        "other_gone_after_seconds": seconds,
        "other_rc": other.process.poll() if other.process else None,
    }


def clear(pods: list[Pod]) -> None:
    for pod in pods:
        if pod.alive():
            pod.signal(signal.SIGKILL, group=True)
        pod.wait_gone(20)
    time.sleep(3)


def boot(pods: list[Pod]) -> float | None:
    for pod in pods:
        pod.start()
    return wait_ready(pods)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def findings_of(pods: list[Pod], say: Any) -> None:
    served = option(pods[0].command, "--served-model-name")
    context = int(option(pods[0].command, "--max-model-len"))
    say("command", {pod.name: pod.command for pod in pods})
    ready = boot(pods)
    say("ready_seconds", ready)
    if ready is None:
        sys.exit("not ready: see the logs")
    body = {
        "model": served,
        "messages": [{"role": "user", "content": "hi"}],
        "prompt": "hi",
        "input": "hi",
        "max_tokens": 4,
    }
    say("with_key", ask("POST", "/v1/chat/completions", body, _KEY))
    say(
        "without_key",
        {
            f"{method} {path}": ask(method, path, body if method == "POST" else None)
            for method, path in _ROUTES
        },
    )
    say("drain", drain(pods, pods, served, context))
    clear(pods)
    if len(pods) == 1:
        pods[0].command[pods[0].command.index("--shutdown-timeout") + 1] = "0"
        say("ready_again_seconds", boot(pods))
        say("drain_without_timeout", drain(pods, pods, served, context))
        clear(pods)
        return
    say("ready_once_more_seconds", boot(pods))
    say("drain_leader_first", drain(pods, pods[:1], served, context))
    clear(pods)
    for victim in (1, 0):
        say(f"ready_{victim}_seconds", boot(pods))
        say(f"kill_{victim}", kill_one(pods, victim))
        clear(pods)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("rendered", type=Path)
    parser.add_argument("more", nargs="*", help="arguments for vLLM that this machine needs, after --")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = Path("/tmp/rendered-model")
    write_model(model, configuration(_MODEL), with_tokenizer=True)
    pods = pods_of(arguments.rendered, model, arguments.out, arguments.more)
    cache = Path("/cache")
    cache.mkdir(exist_ok=True)
    os.chown(cache, pods[0].user, pods[0].user)
    findings: dict[str, Any] = {}

    def say(name: str, value: Any) -> None:
        findings[name] = value
        print(name, json.dumps(value), flush=True)
        (arguments.out / "findings.json").write_text(json.dumps(findings, indent=1))

    try:
        findings_of(pods, say)
    finally:
        clear(pods)


if __name__ == "__main__":
    sys.exit(main())
