"""Things that several tests make."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local import stack
from local.processes import Supervisor
from signalbox.contracts.labels import YES, yes_no
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import ModelRelease, Record, text_sha256
from signalbox.settings import Settings

RELEASE = ModelRelease(name="toy", revision="r1", engine="test", quantization="none")


def record(text: str = "The aid is indicated.", **changes: Any) -> Record:
    """A record with sensible fields; `p_yes` sets the probabilities of yes and no."""
    fields: dict[str, Any] = {
        "task": "medical",
        "language": "en",
        "route": "encoder",
        "release": RELEASE,
        "input_sha256": text_sha256(text),
        "input_characters": len(text),
        "input_text": text,
        "verdict": YES,
        "stated": YES,
        "probabilities": yes_no(0.9),
        "score": 2.0,
        "light": Light.YELLOW,
        "candidate_light": Light.GREEN,
        "light_reason": LightReason.PROVISIONAL,
        "justification": "Because.",
        "latency_seconds": 0.01,
    }
    if "p_yes" in changes:
        changes["probabilities"] = yes_no(changes.pop("p_yes"))
    return Record(**{**fields, **changes})


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has_ipv6() -> bool:
    """Whether the loopback of this machine has an IPv6 address."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def folder_on_disk() -> Iterator[Path]:
    """A folder that lies where the repository lies: /tmp may be memory, which makes a durable write too cheap."""
    root = Path("build")
    root.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(folder).resolve()


@contextlib.contextmanager
def running_encoder(settings: Settings, folder: Path) -> Iterator[str]:
    """Train on the few-shot labels without MLflow and serve on a free port; yields the base URL.

    These labels lead to a head on embeddings, those of the pool to one on words.
    """
    from pipelines.train.job import train

    changes = {"state_dir": folder / "run", "encoder_port": free_port()}
    settings = settings.model_copy(update=changes)
    train(settings, pool=0, track=False)
    service = stack.encoder(settings)
    assert service is not None
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield service.url


class Postgres:
    """A throw-away server; Postgres refuses to run as root, so it runs as the package's user then."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries, self.folder = binaries, folder
        self.port = free_port()

    def run(self, tool: str, *arguments: str) -> None:
        command = [str(self.binaries / tool), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        self.run(
            "pg_ctl",
            "-D",
            str(self.folder / "data"),
            "-w",
            "-o",
            options,
            "-l",
            str(self.folder / "log"),
            "start",
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def create(self, name: str) -> str:
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "signalbox", name)
        return f"postgresql://signalbox@127.0.0.1:{self.port}/{name}"


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A fresh cluster in a temporary folder, removed afterwards."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "PostgreSQL is missing: apt-get install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="signalbox-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Postgres(found[-1], folder)
    try:
        server.run("initdb", "-D", str(folder / "data"), "-U", "signalbox", "-A", "trust", "-N")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say_json(handler: BaseHTTPRequestHandler, answer: object, status: int = 200) -> None:
    """Answer a request to such a server with JSON."""
    body = json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def answering(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server on a free port of loopback that answers by `handler`; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
