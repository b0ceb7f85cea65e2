"""Child processes: ready, dead, stopped, and gone with their parent. All of them are small Python servers."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.processes import Service, Supervisor, check_port, is_answering
from signalbox.errors import SetupError
from tests.helpers import free_port

SERVER = """
import http.server, sys
port = int(sys.argv[1])
print("serving", port, flush=True)
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def service(code: str = SERVER, *, name: str = "toy", port: int | None = None, **changes: object) -> Service:
    """A service that runs Python code with its port as argument."""
    port = port or free_port()
    fields: dict[str, object] = {
        "name": name,
        "command": (sys.executable, "-c", textwrap.dedent(code), str(port)),
        "host": "127.0.0.1",
        "port": port,
        "ready_path": "/",
        "port_setting": "SIGNALBOX_TOY_PORT",
    }
    return Service(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs") as running:
        yield running


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def number_in(path: Path) -> int:
    """The number that a child has written whole."""
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


# --- starting ---------------------------------------------------------------------------------------------


def test_a_service_is_ready_when_its_path_answers(supervisor, tmp_path):
    toy = service()
    supervisor.start(toy)
    supervisor.wait_ready(toy)
    supervisor.check()
    assert is_answering(f"{toy.url}/")
    assert is_alive(supervisor.pid(toy))
    assert f"serving {toy.port}" in supervisor.log_path(toy).read_text()


def test_a_port_in_use_names_its_setting(supervisor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        message = rf"Port {port} on 127\.0\.0\.1 \(toy\) is already in use.*SIGNALBOX_TOY_PORT=PORT"
        with pytest.raises(SetupError, match=message):
            supervisor.start(service(port=port))
    check_port(service(port=port))


@pytest.mark.parametrize(
    ("host", "message"),
    [("192.0.2.1", "no such address"), ("no-such-host.invalid", "SIGNALBOX_HOST|cannot be")],
)
def test_an_address_that_is_not_ours_is_not_called_in_use(host, message):
    with pytest.raises(SetupError, match=message) as raised:
        check_port(service(host=host))
    assert "in use" not in str(raised.value)


def test_the_environment_is_the_parents_and_its_own(supervisor, monkeypatch, tmp_path):
    monkeypatch.setenv("FROM_PARENT", "parent")
    code = """
        import os, pathlib, time
        pathlib.Path(os.environ["OUT"]).write_text(os.environ["FROM_PARENT"] + os.environ["OWN"] + "\\n")
    """
    supervisor.start(service(code, environment={"OWN": "+own", "OUT": str(tmp_path / "out")}))
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text().endswith("\n"))
    assert (tmp_path / "out").read_text() == "parent+own\n"


def test_a_service_that_dies_at_its_start_shows_the_end_of_its_log(supervisor):
    code = """
        for number in range(40):
            print("line", number)
        raise SystemExit("no model: \\udcff")
    """
    toy = service(code, environment={"PYTHONIOENCODING": "utf-8:surrogateescape"})
    supervisor.start(toy)
    with pytest.raises(SetupError, match=r"toy stopped with status 1") as raised:
        supervisor.wait_ready(toy)
    assert "no model" in str(raised.value)
    assert "line 39" in str(raised.value)
    assert "line 20" not in str(raised.value)
    assert str(supervisor.log_path(toy)) in str(raised.value)


def test_a_service_that_is_never_ready_shows_its_log(supervisor):
    toy = service("import time; print('loading', flush=True); time.sleep(600)", ready_seconds=1.0)
    supervisor.start(toy)
    with pytest.raises(SetupError, match=r"toy was not ready after 1 s") as raised:
        supervisor.wait_ready(toy)
    assert "loading" in str(raised.value)


def test_a_program_that_is_not_there_is_named(supervisor):
    with pytest.raises(SetupError, match=r"toy: /no/such/llama-server cannot be started"):
        supervisor.start(service(command=("/no/such/llama-server",)))


def test_a_server_that_stops_later_is_noticed(supervisor):
    toy = service()
    supervisor.start(toy)
    supervisor.wait_ready(toy)
    os.kill(supervisor.pid(toy), signal.SIGKILL)
    wait_until(lambda: not is_alive(supervisor.pid(toy)))
    with pytest.raises(SetupError, match="toy stopped with status -9"):
        supervisor.check()


def test_a_server_that_is_not_required_may_stop(supervisor):
    optional = service("pass", is_required=False)
    supervisor.start(optional)
    os.waitid(os.P_PID, supervisor.pid(optional), os.WEXITED | os.WNOWAIT)
    supervisor.check()
    with pytest.raises(SetupError, match="stopped with status 0"):
        supervisor.wait_ready(optional)


# --- whether something answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 503 Busy\r\n\r\n", b"HTTP/1.1 2"]
)
def test_a_reply_without_2xx_is_no_answer(reply):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        code = (
            "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); c, _ = s.accept(); c.recv(999); "
            "c.sendall(bytes.fromhex(sys.argv[2])); c.close()"
        )
        command = [sys.executable, "-c", code, str(server.fileno()), reply.hex()]
        with subprocess.Popen(command, pass_fds=[server.fileno()]):
            assert not is_answering(url, timeout_seconds=20)


def test_nobody_is_no_answer():
    assert not is_answering(f"http://127.0.0.1:{free_port()}/")
    assert not is_answering("no url")


def test_a_proxy_is_not_used_for_our_own_servers(supervisor, monkeypatch):
    """Behind a company's firewall http_proxy is set, and no_proxy often is not."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    toy = service()
    supervisor.start(toy)
    supervisor.wait_ready(toy)


# --- stopping ---------------------------------------------------------------------------------------------

WITH_CHILD = (
    """
import os, pathlib, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(os.environ["OUT"]).write_text(f"{child.pid}\\n")
"""
    + SERVER
)


def test_a_service_is_replaced_by_another_on_its_port(supervisor):
    old, other = service(), service(name="other")
    supervisor.start(old)
    supervisor.start(other)
    supervisor.wait_ready(old)
    before, bystander = supervisor.pid(old), supervisor.pid(other)
    new = service(f"# the new one\n{SERVER}", port=old.port)
    supervisor.restart(new)
    assert is_answering(new.url)
    assert supervisor.pid(new) != before
    assert not is_alive(before)
    assert supervisor.pid(other) == bystander
    assert is_alive(bystander)


def test_stop_ends_the_whole_group_and_frees_the_port(tmp_path):
    toy = service(WITH_CHILD, environment={"OUT": str(tmp_path / "child")})
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(toy)
        supervisor.wait_ready(toy)
        pids = [supervisor.pid(toy), number_in(tmp_path / "child")]
        assert all(map(is_alive, pids))
    wait_until(lambda: not any(map(is_alive, pids)))
    check_port(toy)
    supervisor.stop()  # again is harmless


def test_what_ignores_sigterm_is_killed(tmp_path):
    toy = service("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER, stop_seconds=0.3)
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(toy)
        supervisor.wait_ready(toy)
        pid = supervisor.pid(toy)
    assert not is_alive(pid)


def test_a_service_may_finish_what_it_does(tmp_path):
    code = """
        import os, pathlib, signal, sys, time
        def stop(number, frame):
            time.sleep(0.3)
            pathlib.Path(os.environ["OUT"]).write_text("saved\\n")
            raise SystemExit
        signal.signal(signal.SIGTERM, stop)
    """
    out = tmp_path / "out"
    with Supervisor(tmp_path) as supervisor:
        toy = service(textwrap.dedent(code) + SERVER, environment={"OUT": str(out)})
        supervisor.start(toy)
        supervisor.wait_ready(toy)
    assert out.read_text() == "saved\n"


def test_an_error_stops_every_service(tmp_path):
    toys = [service(name=name) for name in "abc"]
    pids = []

    def fail() -> None:
        with Supervisor(tmp_path) as supervisor:
            for toy in toys:
                supervisor.start(toy)
                supervisor.wait_ready(toy)
                pids.append(supervisor.pid(toy))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(pids) == 3
    assert not any(map(is_alive, pids))


def test_children_die_with_a_parent_that_is_killed(tmp_path):
    toy = service()
    code = f"""
        import pathlib, time
        from local.processes import Service, Supervisor
        supervisor = Supervisor(pathlib.Path({str(tmp_path)!r}))
        service = {toy!r}
        supervisor.start(service)
        supervisor.wait_ready(service)
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(f"{{supervisor.pid(service)}}\\n")
        time.sleep(600)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    try:
        child = number_in(tmp_path / "pid")
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_until(lambda: not is_alive(child))
    finally:
        parent.kill()
        parent.wait()
    check_port(toy)
