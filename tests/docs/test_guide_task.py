"""The guide "Bring your own task": its commands as they stand, from a CSV file to a served task."""

import csv
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from signalbox.tasks import load_data, load_task
from tests import test_literals
from tests.helpers import free_port
from tools.docs.blocks import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guides" / "task.md"
SERVERS = ("assessor", "encoder", "decoder", "mlflow")
# Until training knows more labels than yes and no, the guide runs with those only.
BINARY_ONLY = "pipelines/train/candidates.py" in getattr(test_literals, "REMAINING", ())

pytestmark = pytest.mark.slow


class Terminal:
    """A shell in the folder of the session, whose output is collected."""

    def __init__(self, folder, environment, text):
        self.process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self):
        return "".join(self.lines)

    def wait_for(self, text, seconds=900):
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.2)

    def end(self, seconds=900):
        """Its exit status; all that it has started is stopped when it takes longer."""
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self._reader.join()

    def interrupt(self):
        """As Ctrl-C does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.end(60)


@pytest.fixture
def session(tmp_path):
    """A folder that looks like the repository, and a user's environment in it."""
    for entry in ROOT.iterdir():
        if entry.name not in {".git", "tasks", "build", "run"}:
            (tmp_path / entry.name).symlink_to(entry)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SIGNALBOX_") or name == "SIGNALBOX_CACHE_DIR"
    }
    environment |= {f"SIGNALBOX_{name.upper()}_PORT": str(free_port()) for name in SERVERS}
    return tmp_path, environment | {
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "COLUMNS": "160",
    }


def write_labels(folder, task):
    """The texts of a task as a spreadsheet writes them."""
    rows = load_data(task)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((row.text, row.label) for row in rows)])
    return rows


@pytest.mark.parametrize(
    "name",
    [
        "medical",
        pytest.param("tickets", marks=pytest.mark.skipif(BINARY_ONLY, reason="training knows two labels")),
    ],
)
def test_five_commands_lead_from_a_file_to_a_served_task(session, name):
    folder, environment = session
    rows = write_labels(folder, load_task(ROOT / "tasks" / name))
    init, variables, serve, evaluate, assess = (block.text for block in blocks(PAGE))
    first = Terminal(folder, environment, init)
    assert first.end() == 0, first.output
    assert f"{len(rows)} records, utf-8, comma between cells" in first.output
    assert "warning" not in first.output
    server = Terminal(folder, environment, f"{variables}{serve}")
    try:
        server.wait_for("Addresses")
        assert "train the encoder" in server.output
        second = Terminal(folder, environment, f"{variables}{evaluate}{assess}")
        assert second.end() == 0, second.output
    finally:
        server.interrupt()
    assert "encoder:" in second.output
    assert load_task(folder / "tasks" / "mine").names == tuple(dict.fromkeys(row.label for row in rows))


def test_the_guide_has_five_commands():
    commands = [block.text.strip() for block in blocks(PAGE)]
    assert len(commands) == 5
    assert all("\n" not in command for command in commands)
