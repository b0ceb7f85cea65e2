"""The notes name a gated model before its download fails."""

import pytest
import yaml

from signalbox.capacity.planner.plan import default_catalogue
from tests.charts.conftest import chart_folder

ROWS = yaml.safe_load((chart_folder("model-server") / "files" / "gated.yaml").read_text(encoding="utf-8"))
WARNING = "is gated: the hub requires"


def rows(name: str) -> list[dict]:
    return [row for row in ROWS if name.lower().startswith(row["prefix"].lower())]


def test_every_model_of_the_catalogue_by_meta_or_google_is_in_one_row():
    """Gemma 4 is under Apache 2.0."""
    names = [model.name for model in default_catalogue().models]
    names = [name for name in names if name.startswith(("meta-llama/", "google/"))]
    assert {name: len(rows(name)) for name in names} == {
        name: int(not name.startswith("google/gemma-4")) for name in names
    }


def test_every_row_has_requirement_and_source():
    assert [row for row in ROWS if row.keys() != {"prefix", "requires", "source"} or not row["source"]] == []


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-4b-it"])
def test_without_a_token_the_notes_name_page_and_key(notes, name):
    text = notes({"model": {"name": name}, "context": 4096})
    assert f"{name} {WARNING}" in text
    assert f"Accept at https://huggingface.co/{name} with your account" in text
    assert 'under the key "token", and set model.token.existingSecret' in text


LLAMA = {"name": "meta-llama/Llama-3.1-8B-Instruct"}


@pytest.mark.parametrize(
    "values",
    [
        {"model": LLAMA | {"token": {"existingSecret": "hf"}}},
        {"model": LLAMA | {"source": "pvc", "pvc": {"claimName": "models"}}},
        {"model": LLAMA, "airGapped": True, "persistence": {"existingClaim": "filled"}},
        {"model": {"name": "Qwen/Qwen2.5-7B-Instruct"}},
        {"engine": "ollama", "quantization": "fp16", "concurrency": 1, "model": LLAMA},
    ],
    ids=["with a token", "from a volume", "without network", "of an open model", "from another hub"],
)
def test_there_is_no_warning_if_no_token_is_required(notes, values):
    assert WARNING not in notes({"context": 4096, **values})


def test_nim_downloads_nothing_without_a_token(notes):
    values = {"engine": "nim", "gpu": {"product": "H100"}, "model": {"name": "meta/llama-3.1-8b-instruct"}}
    assert "WARNING: NGC requires an account for weights" in notes(values)
    values["model"]["token"] = {"existingSecret": "ngc"}
    assert "NGC requires" not in notes(values)
