"""The command line: what it says when something is wrong, and its exit status."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signalbox import basic_commands, keys
from signalbox.cli import ENTRY_POINTS, installed_app, invoked_name
from signalbox.cli import make_app as make_command_line
from signalbox.command import command_state
from signalbox.settings import Settings
from signalbox.store import base as store_base
from signalbox.store import open_store
from tests.helpers import free_port, record
from tests.services.assessor.page_app import SURE, TOO_CLOSE, make_app, serving

COMMANDS = (
    *("plan", "check-boot", "assess", "certify", "usage", "top", "why", "download", "purge", "migrate"),
    *("demo", "serve", "fetch", "doctor"),
    *("train", "calibrate", "evaluate", "compare", "gate", "evidence", "drift", "watch", "golden", "judge"),
)
HELP, FAILURE, INPUT = 0, 1, 2


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A state folder and ports of the test's own; wide, so that no line is broken."""
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
    for name in ("ASSESSOR", "ENCODER", "DECODER", "MLFLOW"):
        monkeypatch.setenv(f"SIGNALBOX_{name}_PORT", str(free_port()))
    monkeypatch.setenv("COLUMNS", "250")
    return Settings()


def run(*arguments: str):
    """A command's result; an exception that is no exit fails the test with its traceback."""
    result = CliRunner().invoke(installed_app(), arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


# --- help -------------------------------------------------------------------------------------------------


def test_help_lists_every_command():
    said = run("--help")
    assert said.exit_code == HELP
    assert {
        command.callback.__name__.replace("_", "-") for command in installed_app().registered_commands
    } == set(COMMANDS)
    for name in COMMANDS:
        assert f"│ {name} " in said.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(name):
    said = run(name, "--help").output
    command = next(
        c for c in installed_app().registered_commands if c.callback.__name__.replace("_", "-") == name
    )
    assert command.callback.__doc__.split(".")[0] in said
    rows = [line for line in said.splitlines() if line.startswith("│ ") and "--" in line]
    assert all(line.strip("│ ").split("  ")[-1].strip() for line in rows)


@pytest.mark.parametrize("arguments", [("--help",), ("labels", "--help"), ("lables",)])
def test_a_start_that_imports_one_command_says_the_same(arguments):
    partial = CliRunner().invoke(installed_app(invoked_name(arguments, {})), arguments)
    whole = CliRunner().invoke(installed_app(), arguments)
    assert (partial.output, partial.exit_code) == (whole.output, whole.exit_code)


@pytest.mark.parametrize(
    ("arguments", "environment", "name"),
    [
        (["plan", "--model", "x"], {}, "plan"),
        (["--help"], {}, ""),
        ([], {}, ""),
        (["labels", "owed"], {}, "labels"),
        ([], {"_SIGNALBOX_COMPLETE": "complete_bash"}, None),
    ],
)
def test_the_command_that_is_imported(arguments, environment, name):
    assert invoked_name(arguments, environment) == name


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        ("--help", {"numpy", "pydantic", "pipelines", "local", "rich", "yaml"}),
        ("plan --help", {"numpy", "pipelines", "local"}),
        ("plan --model Qwen/Qwen2.5-7B-Instruct --gpu l4", {"numpy", "pydantic_settings", "asyncio"}),
        ("train --help", {"numpy", "sklearn", "pandas", "mlflow", "local"}),
        ("doctor --help", {"numpy", "sklearn", "mlflow"}),
    ],
)
def test_a_start_imports_only_what_the_command_needs(arguments, absent):
    script = (
        "import sys; from signalbox.cli import main; sys.argv = ['signalbox', *sys.argv[1:]]\n"
        "try: main()\nfinally: print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments.split()],
        capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")},
    )  # fmt: skip
    assert not absent & set(ended.stderr.split())


def test_no_command_shows_the_help():
    assert "Commands" in run().output


# --- wrong settings and input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SIGNALBOX_ASSESSOR_PORT", "eighty", "integer"),
        ("SIGNALBOX_ASSESSOR_PORT", "70000", "65535"),
        ("SIGNALBOX_DECODER_TIMEOUT_SECONDS", "0", "greater than 0"),
        ("SIGNALBOX_STORE_TEXT", "perhaps", "boolean"),
        ("SIGNALBOX_RETENTION_DAYS", "-1", "greater than 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(monkeypatch, name, value, why):
    monkeypatch.setenv(name, value)
    said = run("doctor")
    assert said.exit_code == INPUT
    assert f"error: {name}: got '{value}'." in said.output
    assert why in said.output
    assert "Traceback" not in said.output


def test_a_command_that_needs_no_other_setting_rejects_a_wrong_one_too(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_ASSESSOR_PORT", "eighty")
    said = run("plan", "--model", "Qwen/Qwen2.5-7B-Instruct", "--gpu", "l4")
    assert said.exit_code == INPUT
    assert "error: SIGNALBOX_ASSESSOR_PORT: got 'eighty'." in said.output


@pytest.mark.parametrize("name", [None, "SIGNALBOX_STATE_DIR", "signalbox_state_dir"])
def test_the_state_folder_is_the_one_of_the_settings(monkeypatch, name):
    monkeypatch.delenv("SIGNALBOX_STATE_DIR")
    for port in ("ASSESSOR", "ENCODER", "DECODER", "MLFLOW"):
        monkeypatch.delenv(f"SIGNALBOX_{port}_PORT")
    if name is not None:
        monkeypatch.setenv(name, "elsewhere")
    with command_state() as state:
        assert state.state_dir == Settings().state_dir


@pytest.mark.parametrize(
    "arguments",
    [
        ("assess",),
        ("assess", "Text.", "--model", "oracle"),
        ("evaluate", "--limit", "0"),
        ("purge",),
        ("purge", "--days", "0"),
        ("purge", "--days", "99999999999"),
        ("calibrate", "--model", "cascade"),
        ("doctor", "--for", "fun"),
        ("nonsense",),
    ],
)
def test_wrong_arguments_are_input_errors(arguments):
    said = run(*arguments)
    assert said.exit_code == INPUT
    assert "Usage" in said.output


@pytest.mark.parametrize("command", ["train", "evaluate", "compare", "calibrate"])
def test_an_unknown_task_lists_the_known_ones(monkeypatch, command):
    monkeypatch.setenv("SIGNALBOX_TASK", "tasks/nonsense")
    said = run(command)
    assert said.exit_code == INPUT
    assert "medical, tickets" in said.output


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "records.db"])
def test_a_wrong_database_is_input_and_its_password_is_not_shown(monkeypatch, url):
    monkeypatch.setenv("SIGNALBOX_DATABASE_URL", url)
    said = run("purge", "--days", "1")
    assert said.exit_code == INPUT
    assert "database_url" in said.output
    assert "secret" not in said.output


# --- servers that are down --------------------------------------------------------------------------------


def test_a_down_assessor_has_a_hint(environment):
    said = run("assess", "Text.")
    assert said.exit_code == FAILURE
    assert f"The assessor at {environment.assessor_base_url} does not answer" in said.output
    assert "signalbox serve" in said.output


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
def test_down_models_are_a_failure_that_names_the_address(environment, command):
    said = run(command)
    assert said.exit_code == FAILURE
    address = environment.decoder_base_url if command == "calibrate" else environment.encoder_base_url
    assert address in said.output


@pytest.mark.usefixtures("environment")
def test_a_comparison_starts_the_encoder_and_says_how_to_train_one():
    output = run("compare")
    assert output.exit_code == FAILURE
    assert "No trained encoder" in output.output
    assert "signalbox train" in output.output


def test_serve_on_a_taken_port_names_the_setting(environment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", environment.assessor_port))
        other.listen()
        said = run("serve")
    assert said.exit_code == FAILURE
    assert "SIGNALBOX_ASSESSOR_PORT=PORT" in said.output


# --- assess -----------------------------------------------------------------------------------------------


@pytest.fixture
def assessor(environment: Settings) -> Iterator[None]:
    """The real assessor over models that answer from a table."""
    with serving(make_app(environment.state_dir), environment.assessor_port):
        yield


@pytest.mark.slow
def test_assess_shows_light_verdict_and_reason(assessor):
    said = run("assess", SURE)
    assert said.exit_code == 0
    assert "! Check" in said.output
    assert "Yes" in said.output
    assert SURE in said.output


@pytest.mark.slow
def test_assess_shows_no_verdict_that_is_withheld(assessor):
    said = run("assess", TOO_CLOSE, "--model", "decoder")
    assert "✕ Withheld" in said.output
    assert "Too close to call" in said.output
    assert "The documents support it." not in said.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("",), "texts.0"),
        (("Text.", "--language", "fr"), "language"),
        (("x" * 5000,), "4000"),
    ],
)
def test_what_the_assessor_refuses_is_input(assessor, arguments, named):
    said = run("assess", *arguments)
    assert said.exit_code == INPUT
    assert named in said.output
    assert len(said.output) < 400


@pytest.mark.slow
def test_assess_sends_the_key_and_says_how_to_give_one(environment, monkeypatch):
    entries, key = keys.add([], "me")
    file = environment.state_dir / "clients.yaml"
    keys.save(file, entries)
    with serving(make_app(environment.state_dir, api_keys_file=file), environment.assessor_port):
        refused = run("assess", SURE)
        monkeypatch.setenv("SIGNALBOX_API_KEY", key)
        said = run("assess", SURE)
    assert refused.exit_code == INPUT
    assert "SIGNALBOX_API_KEY" in refused.output
    assert said.exit_code == 0
    assert key not in said.output


class Stranger(BaseHTTPRequestHandler):
    """Another program on the assessor's port, that says what `answer` holds."""

    answer: tuple[int, bytes] = (200, b"")

    def do_POST(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def stranger(environment: Settings) -> Iterator[type[Stranger]]:
    handler = type("Handler", (Stranger,), {})
    with HTTPServer(("127.0.0.1", environment.assessor_port), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>Hello</html>"),
        (200, b'{"hello": 1}'),
        (200, b"[]"),
        (404, b"<html>Not found</html>"),
        (405, b'{"error": "method"}'),
        (500, b""),
    ],
)
def test_another_program_on_the_port_is_not_the_assessor(stranger, answer):
    stranger.answer = answer
    said = run("assess", "Text.")
    assert said.exit_code == FAILURE
    assert "is not a Signalbox assessor" in said.output
    assert "SIGNALBOX_ASSESSOR_PORT" in said.output


def test_an_assessor_that_cannot_answer_is_no_wrong_input(stranger):
    problem = {
        "type": "/problems/unavailable",
        "title": "Service unavailable",
        "status": 503,
        "detail": "The record store is unavailable.",
        "field": "service",
        "value": "StoreUnavailable",
        "hint": "Try again; /readyz lists what is down.",
    }
    stranger.answer = (503, json.dumps(problem).encode())
    said = run("assess", "Text.")
    assert said.exit_code == FAILURE
    assert "cannot answer: The record store is unavailable.\n" in said.output
    assert "hint: Try again; /readyz lists what is down." in said.output


# --- doctor and purge -------------------------------------------------------------------------------------


def test_doctor_fails_with_the_command_that_installs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_CACHE_DIR", str(tmp_path))
    said = run("doctor", "--for", "bench")
    assert said.exit_code == FAILURE
    assert "apt-get install wrk" in said.output


def test_doctor_succeeds_where_all_is_there():
    said = run("doctor")
    assert said.exit_code == 0
    assert "xllamacpp" in said.output


async def test_purge_deletes_what_is_older(environment):
    old = record(created_at=datetime.now(UTC) - timedelta(days=40))
    async with open_store(environment.store_url) as store:
        await store.append_many([old, record()])
    said = await asyncio.to_thread(run, "purge", "--days", "30")
    assert said.output.strip() == "deleted 1 records"
    async with open_store(environment.store_url) as store:
        assert await store.get(old.id) is None


async def test_a_long_purge_prints_its_progress(environment, monkeypatch):
    monkeypatch.setattr(basic_commands, "_PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(store_base, "_PURGED_AT_ONCE", 2)
    async with open_store(environment.store_url) as store:
        await store.append_many([record(created_at=datetime.now(UTC) - timedelta(days=40)) for _ in range(3)])
    said = await asyncio.to_thread(run, "purge", "--days", "30")
    assert said.stderr.splitlines() == ["2 records deleted, continuing", "3 records deleted, continuing"]
    assert said.stdout.strip() == "deleted 3 records"


# --- migrate ----------------------------------------------------------------------------------------------


def test_migrate_makes_the_tables_once():
    assert "migrated: 0001_records" in run("migrate").output
    assert "nothing to migrate" in run("migrate").output


def test_a_database_that_is_away_fails_the_migration_with_its_name(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_DATABASE_URL", f"postgresql://user:secret@127.0.0.1:{free_port()}/db")
    said = run("migrate")
    assert said.exit_code == FAILURE
    assert "Postgres" in said.output
    assert "secret" not in said.output


def other() -> None:
    """Do something else."""


def test_packages_add_commands_to_a_group_and_to_the_command_line():
    module = "tests.signalbox.test_cli:other"
    plugins = [
        EntryPoint(name, module, ENTRY_POINTS) for name in ("labels.owed", "labels.other", "else", "drift")
    ]
    app = make_command_line(plugins)
    listing = CliRunner().invoke(app, ["labels", "--help"])
    for name in ("owed", "other", "request", "export", "import", "status"):
        assert f"│ {name} " in listing.output
    for command in (["labels", "other"], ["else"], ["drift"]):
        assert CliRunner().invoke(app, command).exit_code == 0


def test_a_command_without_its_package_says_what_to_install():
    missing = CliRunner().invoke(make_command_line([]), ["labels", "owed"])
    assert missing.exit_code == FAILURE
    assert "`signalbox labels owed` needs the package signalbox-pipelines" in missing.output
