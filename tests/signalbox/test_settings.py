"""Settings: each is a typed variable with a description on the reference page."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.store.databases.sqlite import SqliteBackend

PAGE = Path("docs/reference/settings.md")


def rows(page: str) -> dict[str, list[str]]:
    """Cells of each row of the reference page, by the variable's name."""
    lines = [line for line in page.splitlines() if line.startswith("| `SIGNALBOX_")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("` "): row for row in cells}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_on_the_page_with_its_meaning(name):
    _, kind, default, meaning = rows(PAGE.read_text(encoding="utf-8"))[f"SIGNALBOX_{name.upper()}"]
    field = Settings.model_fields[name]
    assert kind
    assert meaning.endswith(".")
    assert meaning == field.description
    if name != "cache_dir":
        assert default == ("" if field.default is None else f"`{field.default}`")


def test_the_page_has_no_setting_that_is_gone():
    assert set(rows(PAGE.read_text(encoding="utf-8"))) == {
        f"SIGNALBOX_{name.upper()}" for name in Settings.model_fields
    }


EXAMPLES = {
    "task": ("tasks/tickets", Path("tasks/tickets")),
    "assessor_port": ("9000", 9000),
    "decoder_constrained": ("true", True),
    "store_text": ("0", False),
    "retention_days": ("30", 30),
    "decoder_timeout_seconds": ("2.5", 2.5),
    "decoder_url": ("http://vllm.example/v1", "http://vllm.example/v1"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_setting_is_read_from_its_variable(monkeypatch, name):
    text, value = EXAMPLES[name]
    monkeypatch.setenv(f"SIGNALBOX_{name.upper()}", text)
    assert getattr(Settings(), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("assessor_port", 0),
        ("mlflow_port", 65_536),
        ("decoder_threads", 0),
        ("encoder_timeout_seconds", 0),
        ("max_body_bytes", 0),
        ("max_texts", 0),
        ("retention_days", 0),
        ("retention_days", 10**9),
    ],
)
def test_a_number_outside_its_range_is_rejected(name, value):
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


def test_settings_cannot_be_changed_and_hide_the_key():
    settings = Settings(decoder_api_key="a secret", api_key="a secret too")
    assert settings.assessor_headers == {"Authorization": "Bearer a secret too"}
    assert "a secret" not in repr(settings)
    assert "a secret" not in settings.model_dump_json()
    with pytest.raises(ValidationError, match="frozen"):
        settings.host = "0.0.0.0"


@pytest.mark.parametrize(
    ("changes", "addresses"),
    [
        ({}, ("http://127.0.0.1:8081", "http://127.0.0.1:8082/v1", "http://127.0.0.1:5000")),
        (
            {"host": "10.0.0.1", "encoder_port": 1, "decoder_port": 2, "mlflow_port": 3},
            ("http://10.0.0.1:1", "http://10.0.0.1:2/v1", "http://10.0.0.1:3"),
        ),
        (
            {"encoder_url": "http://e", "decoder_url": "http://d/v1", "mlflow_url": "http://m"},
            ("http://e", "http://d/v1", "http://m"),
        ),
        (
            {"encoder_url": "", "decoder_url": "", "mlflow_url": ""},  # as a compose file passes unset ones
            ("http://127.0.0.1:8081", "http://127.0.0.1:8082/v1", "http://127.0.0.1:5000"),
        ),
    ],
)
def test_addresses_are_the_local_ones_unless_they_are_given(changes, addresses):
    settings = Settings(**changes)
    assert (settings.encoder_base_url, settings.decoder_base_url, settings.mlflow_base_url) == addresses


def test_without_any_model_there_is_nothing_to_serve(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_ENCODER_ENABLED", "false")
    assert Settings().routes == ("decoder",)
    monkeypatch.setenv("SIGNALBOX_DECODER_ENABLED", "false")
    with pytest.raises(ValidationError) as error:
        Settings()
    (problem,) = error.value.errors()
    assert problem["loc"] == ("decoder_enabled",)
    assert "enable one of them" in problem["msg"]


@pytest.mark.parametrize("folder", ["run", "/var/lib/signalbox"])
def test_records_go_to_a_file_in_the_state_folder(folder):
    backend = open_store(Settings(state_dir=folder).store_url)._backend
    assert isinstance(backend, SqliteBackend)
    assert backend._path == Path(folder) / "signalbox.db"
    assert Settings(database_url="postgresql://h/d").store_url == "postgresql://h/d"
