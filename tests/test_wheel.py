"""The library works as a wheel alone: every command has its help, and an error instead of a traceback."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from signalbox.cli import COMMANDS as ALL_COMMANDS
from signalbox.settings import Settings
from tests.helpers import free_port

pytestmark = pytest.mark.slow

OPTIONAL_COMMANDS = {name: command.folder for name, command in ALL_COMMANDS.items() if command.folder}

# Command line of an error → what its output says.
ERRORS = {
    ("plan",): "--gpu",
    ("plan", "--model", "no-such-model", "--gpu", "L4"): "no-such-model",
    ("plan", "--gpu", "L5", "--model", "llama-3.1-8b"): "l4",
    ("plan", "--cluster"): "signalbox[cluster]",
    ("check-boot", "absent.log"): "absent.log",
    ("assess", "A text."): "SIGNALBOX_ASSESSOR_URL",
    ("purge", "--days", "0"): "--days",
    ("migrate",): "Postgres",
    ("keys", "list", "--file", "absent.yaml"): "absent.yaml",
    ("task", "init", "--from", "absent.csv"): "absent.csv",
    ("usage",): "Postgres",
    ("top", "--once"): "SIGNALBOX_PROMETHEUS_URL",
    ("why", "SpoolGrowin"): "`SignalboxSpoolGrowing`",  # the pages are in the wheel
    ("dashboards", "diff"): "--source",
    ("dashboards", "pull", "folder"): "SIGNALBOX_GRAFANA_URL",
    **{(name,): f"signalbox-{folder}" for name, folder in OPTIONAL_COMMANDS.items()},
}
COMMANDS = [
    ["plan"],
    ["check-boot"],
    ["assess"],
    ["purge"],
    ["migrate"],
    ["usage"],
    ["top"],
    ["why"],
    ["dashboards"],
    ["keys"],
    ["keys", "add"],
    ["keys", "list"],
    ["task", "init"],
]
COMMANDS += [["keys", "revoke"], *([name] for name in OPTIONAL_COMMANDS)]


def uv_program() -> str:
    """uv as `make` installs it, or as it is on PATH."""
    cached = sorted(Settings().cache_dir.glob("uv-*/bin/uv"))
    return os.environ.get("UV") or shutil.which("uv") or str(cached[-1])


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`signalbox` from a wheel in an environment that holds nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = uv_program()
    for command in (
        [uv, "build", "--quiet", "--wheel", "--out-dir", str(folder / "dist"), "."],
        [uv, "venv", "--quiet", str(folder / "venv")],
    ):
        subprocess.run(command, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, str(wheel)], check=True)
    return folder / "venv" / "bin" / "signalbox"


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run in an empty folder, with services that nothing answers for."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "COLUMNS": "200",
        "SIGNALBOX_ASSESSOR_PORT": str(free_port()),
        "SIGNALBOX_DATABASE_URL": f"postgresql://user:secret@127.0.0.1:{free_port()}/db",
    }
    return subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_lists_every_command(program: Path, tmp_path: Path) -> None:
    result = run(program, tmp_path, "--help")
    assert result.returncode == 0, result.stderr
    assert all(f" {command[0]} " in result.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_its_help(program: Path, tmp_path: Path, command: list[str]) -> None:
    result = run(program, tmp_path, *command, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: signalbox" in result.stdout


@pytest.mark.parametrize("arguments", ERRORS, ids=" ".join)
def test_an_error_is_a_message(program: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(program, tmp_path, *arguments)
    assert result.returncode in {1, 2}
    assert "Traceback" not in result.stderr + result.stdout
    assert ERRORS[arguments] in result.stderr
    assert "secret" not in result.stderr


def test_a_task_is_written_with_the_data_of_the_wheel(program: Path, tmp_path: Path) -> None:
    labels = {"The": "a", "My": "b"}
    words = ("amber", "birch", "cloud", "daisy", "eagle", "fjord")
    rows = [
        f"{start} {word} is not in this {word}room,{label}"
        for start, label in labels.items()
        for word in words
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    result = run(program, tmp_path, "task", "init", "--from", "labels.csv")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "tasks" / "labels" / "task.yaml").is_file()
