"""`make demo-cluster`: the stack on a Kubernetes of one node, with its page on a port of this machine."""

from __future__ import annotations

import base64
import contextlib
import signal
import time
from typing import Any

import httpx2
from rich.console import Console

from signalbox.errors import SetupError
from signalbox.serving.signals import terminated_as_interrupt
from tools.cluster.cluster import down, up
from tools.cluster.components import Say
from tools.cluster.images import project_archives
from tools.cluster.inside import Inside
from tools.cluster.layout import Layout
from tools.cluster.needs import check_machine
from tools.cluster.relay import Relay
from tools.cluster.stack import IMAGES, NAMESPACE, guide_blocks, provide_model, run_block

# Inside, where all ports are free.
_FORWARDED = 8080
# A forward ends with its pod; a new pod needs a new one.
_FORWARD = f"while true; do kubectl --namespace={NAMESPACE} port-forward service/assessor {_FORWARDED}:80; sleep 1; done"
_START_SECONDS = 60
_QUESTION = {
    "model": "decoder",
    "language": "en",
    "text": "Socio-medical indication for the aid is confirmed.",
}


def demo(layout: Layout, console: Console, *, port: int, interactive: bool) -> None:
    """Start, install, show; then keep running until Ctrl-C when `interactive`, else send one text. All is removed."""
    check_machine()
    archives = project_archives(IMAGES)
    start = time.monotonic()

    def say(text: str) -> None:
        console.print(f"· {time.monotonic() - start:5.1f} s  {text}", markup=False, highlight=False)

    with terminated_as_interrupt(), Relay(port) as relay:
        say("starting Kubernetes")
        inside = up(layout, archives)  # removes what it has started if it fails
        try:
            _install(inside, relay, say)
            show(console, relay.port, key := api_key(inside))
            if interactive:
                console.print("\nThe stack is running. Press Ctrl-C to stop and remove it.")
                with contextlib.suppress(KeyboardInterrupt):  # before this line an interrupt is no success
                    _wait(inside)
            else:
                console.print(ask(f"http://127.0.0.1:{relay.port}", key), highlight=False, markup=False)
        finally:
            _remove(layout, say)


def api_key(inside: Inside) -> str:
    """The key that the chart has generated."""
    words = ("--namespace", NAMESPACE, "get", "secret", "assessor-keys", "-o", "jsonpath={.data.api-key}")
    return base64.b64decode(inside.run("kubectl", *words).stdout).decode()


def show(console: Console, port: int, key: str) -> None:
    """Print the addresses and the login, each on a line of its own: a key that wraps cannot be copied."""
    lines = {
        "web page": f"http://127.0.0.1:{port}/",
        "API": f"http://127.0.0.1:{port}/docs",
        "user": "default",
        "password": key,
        "kubectl": ".venv/bin/python -m tools.cluster exec -- kubectl get pods --all-namespaces",
    }
    console.print()
    for name, text in lines.items():
        console.print(f"{name:<9} {text}", highlight=False, markup=False, soft_wrap=True)


def ask(url: str, key: str) -> str:
    """Load the page and send one text; returns light, verdict and release. Raises SetupError without an answer."""
    with httpx2.Client(base_url=url, auth=("default", key), timeout=120, trust_env=False) as client:
        _until_ready(client)
        page = client.get("/")
        response = client.post("/v1/assess", json=_QUESTION)
    for answer in (page, response):
        if answer.status_code != httpx2.codes.OK:
            raise SetupError(
                f"{answer.request.url} answers with status {answer.status_code}: {answer.text[:300]}"
            )
    return answer_line(response.json())


def answer_line(body: dict[str, Any]) -> str:
    """The first prediction of an answer in one line."""
    prediction = body["predictions"][0]
    light, release = prediction["light"], prediction["release"]
    return (
        f"{_QUESTION['model']}: light {light['color']} ({light['reason']}), "
        f"verdict {prediction['verdict'] or 'withheld'}, release {release['name']} {release['revision']}"
    )


def _install(inside: Inside, relay: Relay, say: Say) -> None:
    provide_model(inside)
    install, *_ = guide_blocks()
    run_block(inside, install, say)
    inside.start("port-forward", "sh", "-c", _FORWARD)
    pid = inside.pid()
    if pid is None:
        raise SetupError("The cluster has ended.", hint=f"Its logs: {inside.layout.work / 'logs'}")
    relay.open(pid, _FORWARDED)


def _until_ready(client: httpx2.Client) -> None:
    """The forward listens a moment after its start."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.get("/healthz")
        except httpx2.TransportError as error:
            if time.monotonic() > deadline:
                raise SetupError(f"{client.base_url} does not answer: {error}") from error
            time.sleep(0.5)
        else:
            return


def _wait(inside: Inside) -> None:
    while inside.pid() is not None:
        time.sleep(1)
    raise SetupError("The cluster has ended by itself.", hint=f"Its logs: {inside.layout.work / 'logs'}")


def _remove(layout: Layout, say: Say) -> None:
    """A second signal must not leave half of it."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    say("stopping")
    try:
        down(layout)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    say("stopped; nothing is left but logs")
