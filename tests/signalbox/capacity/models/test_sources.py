"""Models from the catalogue, a config.json, and a stand-in of the Hub."""

import json
from pathlib import Path

import pytest

from signalbox.capacity.models import catalogue
from signalbox.capacity.models.sources import find_model
from signalbox.errors import InputError
from tests.signalbox.capacity.models.hub.hub_server import hub

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


def config_file(folder: Path, config: object) -> Path:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return path


def test_a_name_of_the_catalogue():
    assert find_model("llama-3.1-8b", None, ROWS).layers == 32


def test_an_unknown_name_suggests_similar_ones():
    with pytest.raises(InputError, match=r"did you mean `meta-llama/Llama-3.1-8B`"):
        find_model("lama-3.1-8b", None, ROWS)


def test_an_unknown_repository_may_be_read_from_the_hub():
    with pytest.raises(InputError) as caught:
        find_model("org/absent", None, ROWS)
    assert caught.value.hint.startswith("`--model hf:org/absent` reads it from the Hub")


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


def test_a_repository_without_headers_is_counted_from_its_config(tmp_path, monkeypatch):
    config_file(tmp_path, CONFIG)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with hub() as (storage, url):
        storage.repositories["toys/open"] = tmp_path
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        model = find_model("hf:toys/open", None, ROWS)
    assert model.parameters == find_model(None, tmp_path, ROWS).parameters
    assert any("counted from config.json" in line for line in model.assumptions)
