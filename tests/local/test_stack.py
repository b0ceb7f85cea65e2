"""The table of services: what is started, how, and what is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from local import stack
from signalbox.cpus import usable_cpus
from signalbox.errors import SetupError
from signalbox.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    releases = tmp_path / "run" / "releases"
    releases.mkdir(parents=True)
    (releases / "current").write_text("encoder-v3\n", encoding="utf-8")
    return Settings(state_dir=tmp_path / "run")


def started(settings):
    """All four services."""
    return {
        "mlflow": stack.mlflow(settings),
        "encoder": stack.encoder(settings),
        "decoder": stack.decoder(settings, Path("/models/x.gguf")),
        "assessor": stack.assessor(settings),
    }


def test_each_listens_where_its_setting_says(settings):
    ports = {f"{name}_port": 20_000 + i for i, name in enumerate(started(settings))}
    services = started(settings.model_copy(update={**ports, "host": "127.0.0.9"}))
    for name, service in services.items():
        assert (service.name, service.host, service.port) == (name, "127.0.0.9", ports[f"{name}_port"])
        assert service.port_setting == f"SIGNALBOX_{name.upper()}_PORT"
        assert service.url == f"http://127.0.0.9:{service.port}"
        if name != "assessor":  # it reads its settings from the environment
            assert {"127.0.0.9", str(service.port)} <= set(service.command)


@pytest.mark.parametrize("name", ["mlflow", "encoder", "decoder"])
def test_what_is_elsewhere_is_not_started(settings, name):
    services = started(settings.model_copy(update={f"{name}_url": "http://elsewhere.example"}))
    assert {n for n, service in services.items() if service is None} == {name}


def test_the_encoder_serves_the_newest_release(settings):
    service = stack.encoder(settings)
    assert str(settings.releases_dir / "encoder-v3") in service.command


def test_without_a_trained_encoder_the_command_is_named(tmp_path):
    with pytest.raises(SetupError, match="signalbox train"):
        stack.encoder(Settings(state_dir=tmp_path))


def flag(service, name):
    """The value of a flag of the decoder's command."""
    command = list(service.command)
    return command[command.index(name) + 1]


def test_the_decoder_gets_its_file_and_no_more_threads_than_cpus(settings):
    model, cpus = Path("/m.gguf"), usable_cpus()
    assert flag(stack.decoder(settings, model), "--model") == "/m.gguf"
    for setting, threads in ((None, max(1, cpus - 1)), (1, 1), (cpus + 7, cpus)):
        service = stack.decoder(settings.model_copy(update={"decoder_threads": setting}), model)
        assert flag(service, "--threads") == str(threads)


@pytest.mark.parametrize(("languages", "concurrency", "slots"), [(2, 1, 2), (1, 1, 1), (3, 1, 3), (2, 4, 4)])
def test_each_language_and_each_request_has_a_slot(settings, languages, concurrency, slots):
    service = stack.decoder(
        settings.model_copy(update={"decoder_concurrency": concurrency}), Path("/m"), languages
    )
    assert flag(service, "--parallel") == str(slots)
    assert flag(service, "--ctx-size") == str(2048 * slots)


def test_mlflow_keeps_everything_below_the_state_folder(settings):
    command = " ".join(stack.mlflow(settings).command)
    assert f"sqlite:///{settings.state_dir}/mlflow/mlflow.db" in command
    assert f"file://{settings.state_dir}/mlflow/artifacts" in command


CHANGES = {
    "task": Path("tasks/tickets"),
    "assessor_port": 12_345,
    "decoder_api_key": "a secret",
    "decoder_constrained": True,
    "decoder_timeout_seconds": 1.5,
    "store_text": False,
    "retention_days": 30,
    "database_url": "postgresql://user:password@host/db?sslmode=require",
}


def test_a_child_reads_the_same_settings(monkeypatch):
    """Every setting survives its way through the environment, in a real child."""
    settings = Settings(**CHANGES)
    environment = stack.as_environment(settings)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
    code = "from signalbox.settings import Settings; print(repr(Settings()), Settings().decoder_api_key.get_secret_value())"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == f"{settings!r} a secret"


def test_defaults_are_left_out_and_the_key_is_no_argument():
    assert stack.as_environment(Settings()) == {}
    settings = Settings(decoder_api_key="a secret")
    assert stack.as_environment(settings) == {"SIGNALBOX_DECODER_API_KEY": "a secret"}
    service = stack.assessor(settings)
    assert "a secret" not in " ".join(service.command)
    assert stack.as_environment(Settings(api_key="the client's")) == {}


def test_services_are_importable_from_the_repository(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert stack.assessor(Settings()).environment["PYTHONPATH"] == f"{Path.cwd()}:/elsewhere"
    monkeypatch.delenv("PYTHONPATH")
    assert stack.assessor(Settings()).environment["PYTHONPATH"] == str(Path.cwd())
