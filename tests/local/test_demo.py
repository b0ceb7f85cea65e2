"""Parts of the demo, and the whole loop on the second task with real servers."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from fastapi import FastAPI
from rich.console import Console

from local import demo
from local.clock import Clock
from local.demo import examples
from local.processes import Service, Supervisor, check_port, is_answering
from local.stack import as_environment
from local.startup import is_calibrated
from signalbox import thresholds
from signalbox.contracts.record import ModelRelease
from signalbox.errors import SetupError
from signalbox.models.release import file_revision
from signalbox.serving.signals import terminated_as_interrupt
from signalbox.settings import Settings
from signalbox.show_prediction import print_prediction
from signalbox.tasks import load_data, load_task
from tests.helpers import free_port
from tests.services.assessor.page_app import serving

TASK, TICKETS = Path("tasks/medical"), Path("tasks/tickets")


def console() -> tuple[Console, io.StringIO]:
    """A console that writes into a string."""
    text = io.StringIO()
    return Console(file=text, width=200), text


def prediction(**changes: object) -> dict[str, object]:
    """As the API returns it."""
    light = {"color": "yellow", "symbol": "!", "word": "Check", "text": "Provisional."}
    example = {"light": light, "word": "Yes", "justification": "Because.", "route": "decoder"}
    return {**example, **changes}


# --- parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "labels"), [(TASK, 2), (TICKETS, 3)])
def test_the_texts_of_the_demo_are_of_any_task_and_no_model_has_learned_them(task, labels):
    rows = load_data(load_task(task))
    texts = examples(load_task(task))
    assert set(texts) == set(load_task(task).languages)
    for language, chosen in texts.items():
        meant = [row for row in rows if row.language == language and row.text in chosen]
        assert len({row.label for row in meant}) == len(chosen) == labels
        assert {row.split for row in meant} == {"test"}


def test_a_step_is_printed_and_timed(capsys):
    output, text = console()
    clock = Clock(output)
    with clock.step("train the encoder"):
        assert "train the encoder" in text.getvalue()
        time.sleep(0.01)
    assert [name for name, _ in clock.steps] == ["train the encoder"]
    assert clock.steps[0][1] >= 0.01
    output.print(clock.table())
    assert "all" in text.getvalue()


def test_an_answer_is_shown_by_symbol_word_verdict_and_reason():
    output, text = console()
    print_prediction(output, "The [aid] is needed.", prediction())
    lines = text.getvalue().splitlines()
    assert lines[0].split() == ["!", "Check", "Yes", "The", "[aid]", "is", "needed."]
    assert lines[1].strip() == "decoder: Because."


@pytest.mark.parametrize("word", ["Netz [intern]", "Blut/Kreuzprobe", "אישור", "Größe"])
def test_a_verdict_of_any_task_is_shown_as_its_word(word):
    output, text = console()
    print_prediction(output, "Text.", prediction(word=word, justification=None))
    assert text.getvalue().splitlines() == [f"  ! Check  {word}  Text.", "      decoder: Provisional."]


def test_a_withheld_verdict_is_shown_as_a_dash_with_the_lights_reason():
    output, text = console()
    light = {"color": "red", "symbol": "✕", "word": "Withheld", "text": "Too close to call."}
    print_prediction(output, "Text.", prediction(light=light, word=None, justification=None))
    assert text.getvalue().splitlines()[0].split() == ["✕", "Withheld", "-", "Text."]
    assert "decoder: Too close to call." in text.getvalue()


def test_an_answer_of_another_version_is_explained():
    with pytest.raises(SetupError, match="Another version"):
        print_prediction(console()[0], "Text.", prediction(light="yellow"))


def test_sigterm_stops_as_ctrl_c_does():
    before = signal.getsignal(signal.SIGTERM)

    def terminate() -> None:
        with terminated_as_interrupt():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)

    with pytest.raises(KeyboardInterrupt):
        terminate()
    assert signal.getsignal(signal.SIGTERM) is before


def test_waiting_ends_when_a_server_stops(tmp_path):
    command = (sys.executable, "-c", "raise SystemExit('out of memory')")
    short = Service("decoder", command, "127.0.0.1", free_port(), "/", "SIGNALBOX_DECODER_PORT")
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(short)
        with pytest.raises(SetupError, match=r"decoder stopped with status 1[\s\S]*out of memory"):
            demo.watch(supervisor)


def test_every_address_is_shown(tmp_path):
    output, text = console()
    settings = Settings(state_dir=tmp_path)
    demo.addresses(settings, output)
    for address in (settings.assessor_base_url, settings.mlflow_base_url, settings.decoder_base_url):
        assert address in text.getvalue()
    assert str(settings.logs_dir) in text.getvalue()


@pytest.mark.parametrize("name", ["assessor", "encoder", "decoder", "mlflow"])
def test_a_port_in_use_is_an_error_before_anything_is_started(tmp_path, name):
    ports = {f"{other}_port": free_port() for other in ("assessor", "encoder", "decoder", "mlflow")}
    settings = Settings(state_dir=tmp_path, **ports)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[f"{name}_port"]))
        other.listen()
        with pytest.raises(SetupError, match=f"SIGNALBOX_{name.upper()}_PORT"):
            demo.demo(settings, console()[0], interactive=False)
    assert not settings.logs_dir.exists()


def test_the_release_that_counts_is_the_one_that_the_server_names(tmp_path):
    """llama-server names another quantization than the file's name does, e.g. of every K-quant."""
    model = tmp_path / "tiny-Q4_K_M.gguf"
    model.write_bytes(b"weights")
    settings = Settings(
        task=TASK,
        state_dir=tmp_path,
        decoder_model=str(model),
        decoder_port=free_port(),
        encoder_enabled=False,
    )
    release = ModelRelease(
        name="tiny", revision=file_revision(model), engine="llama.cpp", quantization="Q4_K - Medium"
    )
    app = FastAPI()

    @app.get("/v1/models")
    def listing() -> dict[str, object]:
        entry = {"id": str(model), "owned_by": "llamacpp", "meta": {"ftype": "Q4_K - Medium"}}
        return {"data": [entry]}

    with serving(app, settings.decoder_port):
        assert not is_calibrated(settings)
        thresholds.save(
            settings.thresholds_dir, thresholds.ThresholdFile(task="medical", release=release, languages={})
        )
        assert is_calibrated(settings)
    assert is_calibrated(settings.model_copy(update={"decoder_url": "http://elsewhere.example/v1"}))


# --- the whole loop ---------------------------------------------------------------------------------------


class Command:
    """`signalbox …` in a process of its own, its output collected line by line."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        environment = {**os.environ, **as_environment(settings), "COLUMNS": "200"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signalbox.cli", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for(self, text: str, seconds: float = 300) -> None:
        """Until it has printed the text."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def end(self, seconds: float = 300) -> int:
        """Its exit status; killed when it takes longer."""
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The tickets task with fewer rows, in a state folder that the module's tests share as two starts of a user do."""
    names = ("assessor", "encoder", "decoder", "mlflow", "prometheus", "job_metrics")
    ports = {f"{name}_port": free_port() for name in names}
    task = few_rows(tmp_path_factory.mktemp("task") / "tickets")
    return Settings(task=task, state_dir=tmp_path_factory.mktemp("demo"), **ports)


# Split → rows of a label and language: the decoder takes about a second for each.
ROWS = {"few-shot": 4, "calibration": 5, "test": 2}


def few_rows(folder: Path) -> Path:
    """A copy of the tickets task with as many rows as ROWS says."""
    folder.mkdir()
    shutil.copy2(TICKETS / "task.yaml", folder)
    rows = Counter()
    with (folder / "data.jsonl").open("w", encoding="utf-8") as file:
        for row in load_data(load_task(TICKETS)):
            cell = (row.split, row.label, row.language)
            rows[cell] += 1
            if rows[cell] <= ROWS[row.split]:
                file.write(f"{row.model_dump_json(exclude_defaults=True)}\n")
    return folder


def nothing_listens(settings: Settings) -> bool:
    ports = (settings.assessor_port, settings.encoder_port, settings.decoder_port, settings.mlflow_port)
    for port in ports:
        check_port(Service("any", (), "127.0.0.1", port, "/", ""))
    return True


@pytest.mark.slow
def test_the_loop_runs_on_a_task_that_is_only_data(settings):
    command = Command(settings, "demo", "--no-interactive")
    assert command.end(600) == 0, command.output
    for line in (
        "train the encoder",
        "assess a few sentences",
        "Times",
        "Addresses",
        "Stopped.",
    ):
        assert line in command.output
    assert "no text of the pool waits for a label" in command.output  # this task has none
    table = (settings.state_dir / "reports" / "comparison.md").read_text(encoding="utf-8")
    models = {line.split(" | ")[0].strip("| ") for line in table.splitlines() if line.startswith("|")}
    assert {"encoder", "decoder", "TF-IDF", "the length", "the majority"} <= models
    assert nothing_listens(settings)


@pytest.mark.slow
def test_a_second_start_serves_without_training_and_a_signal_ends_it(settings):
    command = Command(settings, "serve")
    try:
        command.wait_for("Addresses")
        assert is_answering(f"{settings.assessor_base_url}/readyz")
        assert "train the encoder" not in command.output
        assessed = Command(settings, "assess", "Nobody can log in.", "--model", "encoder")
        assert assessed.end() == 0, assessed.output
        assert "encoder:" in assessed.output
        words = load_task(TICKETS).words("en")
        assert any(forms[0] in assessed.output for forms in words.values()) or " - " in assessed.output
        command.process.send_signal(signal.SIGTERM)
    finally:
        status = command.end(60)
    assert status == 0, command.output
    assert "stopping" in command.output
    assert nothing_listens(settings)


@pytest.mark.slow
def test_a_demo_that_is_stopped_in_the_middle_is_no_success(settings):
    command = Command(settings, "demo", "--no-interactive")
    try:
        command.wait_for("start the servers")
        command.process.send_signal(signal.SIGTERM)
    finally:
        status = command.end(60)
    assert status not in {0, -signal.SIGKILL}, command.output
    assert nothing_listens(settings)
