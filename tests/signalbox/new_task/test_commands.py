"""`signalbox task init` as a person uses it."""

import pytest
from typer.testing import CliRunner

from signalbox.cli import make_app
from signalbox.tasks import load_data, load_task
from tests.signalbox.new_task.test_draft import balanced, write


@pytest.fixture
def run(tmp_path):
    def command(*arguments):
        source = str(tmp_path / "labels.csv")
        options = ("--from", source, "--tasks", str(tmp_path / "tasks"), *arguments)
        return CliRunner().invoke(make_app(()), ["task", "init", *options])

    return command


def test_a_file_becomes_a_task_and_the_next_command_is_shown(tmp_path, run):
    write(tmp_path, [*balanced(["x", "y"]), ("", "x")])
    result = run("--language", "en", "--title", "My letters")
    assert result.exit_code == 0, result.output
    task = load_task(tmp_path / "tasks" / "labels")
    assert task.title == {"en": "My letters"}
    assert len(load_data(task)) == 16
    for line in (
        "17 records, utf-8, comma between cells",
        "text = `text` (by name), label = `label` (by name)",
        "16 texts in 16 families",
        "note: 1 records without a text: line 18.",
        "warning: en: 4 rows to calibrate",
        f"SIGNALBOX_TASK={tmp_path / 'tasks' / 'labels'} signalbox train",
    ):
        assert line in result.output


def test_an_existing_task_stays_unless_it_is_to_be_replaced(tmp_path, run):
    write(tmp_path, balanced(["x", "y"]))
    assert run("--language", "en", "--name", "mine").exit_code == 0
    before = (tmp_path / "tasks" / "mine" / "task.yaml").read_text()
    write(tmp_path, balanced(["v", "w"]))
    result = run("--language", "en", "--name", "mine")
    assert result.exit_code == 2
    assert "task.yaml exists" in result.output
    assert "--overwrite" in result.output
    assert (tmp_path / "tasks" / "mine" / "task.yaml").read_text() == before
    assert run("--language", "en", "--name", "mine", "--overwrite").exit_code == 0
    assert load_task(tmp_path / "tasks" / "mine").names == ("v", "w")


def test_a_name_that_is_no_folder_of_a_task_is_an_error(tmp_path, run):
    write(tmp_path, balanced(["x", "y"]))
    for name in ("Mine", "../mine/", "a b"):
        result = run("--language", "en", "--name", name)
        assert result.exit_code == 2, name
        assert "error: --name: got" in result.output
    assert not (tmp_path / "tasks").exists()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path, run):
    write(tmp_path, balanced(["x", "y"]))
    (tmp_path / "tasks").write_text("a file")
    result = run("--language", "en")
    assert result.exit_code == 2
    assert "--tasks FOLDER" in result.output
