"""Models from the catalogue, a config.json, and a fake Hub server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from signalbox.capacity.models import catalogue
from signalbox.capacity.models.sources import find_model
from signalbox.errors import InputError
from tests.helpers import answering, free_port

ROWS = catalogue.load()
CONFIG = {
    "model_type": "llama",
    "hidden_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "intermediate_size": 5632,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def config_file(folder: Path, config: object) -> Path:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return path


def test_a_name_of_the_catalogue():
    assert find_model("llama-3.1-8b", None, ROWS).layers == 32


def test_an_unknown_name_suggests_similar_ones():
    with pytest.raises(InputError, match=r"did you mean `meta-llama/Llama-3.1-8B`"):
        find_model("lama-3.1-8b", None, ROWS)


def test_a_model_or_a_config_is_required():
    with pytest.raises(InputError, match="--config PATH"):
        find_model(None, None, ROWS)


def test_a_config_is_found_by_its_folder_its_path_and_as_the_model(tmp_path):
    path = config_file(tmp_path, CONFIG)
    by_path = find_model("mine", path, ROWS)
    assert (by_path.name, by_path.layers) == ("mine", 4)
    assert find_model(None, tmp_path, ROWS).name == tmp_path.name
    assert find_model(str(path), None, ROWS).parameters == by_path.parameters


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("{", "is not JSON"),
        ("[]", "A config.json is a JSON object"),
        ({"model_type": "llama", "vocab_size": 5}, "hidden_size"),
    ],
)
def test_a_wrong_config_is_an_input_error(tmp_path, content, hint):
    with pytest.raises(InputError, match=hint):
        find_model(None, config_file(tmp_path, content), ROWS)


def test_a_missing_config_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent.*--config"):
        find_model(None, tmp_path / "absent.json", ROWS)


def test_an_unknown_architecture_needs_the_fallback(tmp_path):
    path = config_file(tmp_path, {**CONFIG, "model_type": "novel"})
    with pytest.raises(InputError, match="--fallback"):
        find_model(None, path, ROWS)
    assert find_model(None, path, ROWS, fallback=True).guessed


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub's protocol as downloading config.json needs."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        answers = {
            "/toys/open/resolve/main/config.json": (200, {}),
            "/toys/gated/resolve/main/config.json": (403, {"X-Error-Code": "GatedRepo"}),
            "/toys/gguf/resolve/main/config.json": (404, {"X-Error-Code": "EntryNotFound"}),
        }
        status, headers = answers.get(self.path, (404, {"X-Error-Code": "RepoNotFound"}))
        body = json.dumps(CONFIG).encode() if status == 200 else b"no"
        self.send_response(status)
        all_headers = {"X-Repo-Commit": COMMIT, "ETag": '"e"', **headers, "Content-Length": str(len(body))}
        for name, value in all_headers.items():
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


def fetch(model: str, endpoint: str, home: Path) -> str:
    """In a process of its own: huggingface_hub reads HF_ENDPOINT once, when it is imported."""
    code = (
        "import sys\n"
        "from signalbox.errors import SignalboxError\n"
        "from signalbox.capacity.models import catalogue\n"
        "from signalbox.capacity.models.sources import find_model\n"
        "try:\n    print(find_model(sys.argv[1], None, catalogue.load()).parameters.total)\n"
        "except SignalboxError as error:\n    print(f'{type(error).__name__}: {error}')\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", code, model]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_model_of_the_hub_is_read_once(hub, tmp_path):
    assert (
        int(fetch("hf:toys/open", hub, tmp_path))
        == find_model(None, config_file(tmp_path, CONFIG), ROWS).parameters.total
    )


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("hf:toys/absent", "InputError: --model: got 'hf:toys/absent'. No such repository"),
        ("hf:toys/gated", "SetupError: --model: hf:toys/gated is gated"),
        ("hf:toys/gguf", "InputError: --model: got 'hf:toys/gguf'. It has no config.json"),
        ("hf:a/b/c", "InputError: --model: got 'hf:a/b/c'. A repository is written hf:ORG/NAME"),
        ("hf:", "InputError: --model: got 'hf:'. A repository is written hf:ORG/NAME"),
    ],
)
def test_an_unavailable_repository_has_its_reason(hub, tmp_path, model, error):
    assert fetch(model, hub, tmp_path).startswith(error)


@pytest.mark.slow
def test_a_hub_that_is_not_there_has_a_hint(tmp_path):
    error = fetch("hf:toys/open", f"http://127.0.0.1:{free_port()}", tmp_path)
    assert "SetupError: --model: hf:toys/open could not be fetched" in error
    assert "--config PATH" in error
