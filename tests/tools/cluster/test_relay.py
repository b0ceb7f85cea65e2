"""The relay into a network namespace, made for the test."""

import os
import shutil
import subprocess
import sys
import time

import httpx2
import pytest

from signalbox.errors import SetupError
from tests.helpers import free_port
from tools.cluster.relay import Relay

PORT = 8080
SERVER = f"ip link set lo up; cd {{folder}}; exec {sys.executable} -m http.server {PORT} --bind 127.0.0.1"


@pytest.fixture
def process(tmp_path):
    """The process of a web server in a network namespace of its own."""
    programs = ("unshare", "nsenter", "socat", "ip")
    if os.geteuid() != 0 or not all(map(shutil.which, programs)):
        pytest.skip("needs root, util-linux, iproute2 and socat")
    (tmp_path / "page.txt").write_text("inside " * 50_000)
    command = ["unshare", "--net", "sh", "-c", SERVER.format(folder=tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        yield server
        server.kill()


def fetch(url):
    """The server listens a moment after its start."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return httpx2.get(url, trust_env=False)
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.1)


def test_a_port_of_this_machine_leads_into_the_namespace(process):
    with Relay(0) as relay:
        url = f"http://127.0.0.1:{relay.port}/page.txt"
        relay.open(process.pid, PORT)
        assert fetch(url).text.startswith("inside ")
        assert len({len(fetch(url).content) for _ in range(5)}) == 1
    with pytest.raises(httpx2.TransportError):
        httpx2.get(url, trust_env=False)


def test_only_loopback_listens():
    with Relay(0) as relay:
        assert relay._listener.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_named():
    with Relay(free_port()) as relay, pytest.raises(SetupError, match=f"Port {relay.port}.*PORT=8090"):
        Relay(relay.port)
