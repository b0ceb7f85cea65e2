"""`signalbox labels` from a plan to an imported file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signalbox.certificate import folder as campaign_files
from signalbox.cli import make_app
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import record
from tests.signalbox.request_rows import sampling

TASK = load_task(Path("tasks/medical"))


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign that `certify --plan` wrote, and 300 answers, 200 of them in its zone."""
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_SECOND_REVIEW_SHARE", "0")
    settings = Settings()
    campaign_files.save_campaign(settings.certificates_dir, sampling().campaign, TASK)

    async def write() -> None:
        async with open_store(settings.store_url) as store:
            await store.append_many(
                [
                    record(f"text {i}", score=1.0 + i % 3, thresholds_digest="0123456789abcdef")
                    for i in range(300)
                ]
            )

    asyncio.run(write())
    return tmp_path


def _run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(make_app([]), ["labels", *arguments])
    assert result.exit_code == code, result.output
    return result.output + (result.stderr if code else "")


def test_from_a_campaign_to_labels_and_back(state_dir: Path) -> None:
    assert "medical en encoder yes: 200 texts, each chosen with the chance 1" in _run("request")
    assert "0 texts" in _run("request")
    file = state_dir / "block.jsonl"
    assert "40 texts written" in _run("export", str(file), "--reviewer", "ada", "--count", "40")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert set(rows[0]) == {"id", "language", "question", "text", "label"}
    for row in rows:
        row["label"] = "yes"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    assert "40 labels imported (0 of them corrections)" in _run("import", str(file), "--reviewer", "ada")
    assert "0 labels imported (0 of them corrections), 40 were there" in _run(
        "import", str(file), "--reviewer", "ada"
    )
    status = _run("status")
    assert "40 of 40 requested texts answered, 160 waiting" in status
    table = state_dir / "all.csv"
    assert "40 texts written" in _run("export", str(table), "--answered")
    assert "0 labels imported" in _run("import", str(table), "--reviewer", "bob")


def test_two_exports_have_different_texts_and_the_same_person_gets_theirs_again(state_dir: Path) -> None:
    _run("request")
    names = []
    for file, reviewer in (("a.jsonl", "ada"), ("b.jsonl", "bob"), ("c.jsonl", "ada")):
        _run("export", str(state_dir / file), "--reviewer", reviewer, "--count", "10")
        lines = (state_dir / file).read_text("utf-8").splitlines()
        names.append({json.loads(line)["id"] for line in lines})
    assert len(names[0]) == 10
    assert names[0].isdisjoint(names[1])
    assert names[0] == names[2]


def test_a_file_with_one_wrong_row_imports_nothing(state_dir: Path) -> None:
    _run("request")
    file = state_dir / "block.jsonl"
    _run("export", str(file), "--reviewer", "ada", "--count", "2")
    first, second = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    rows = [{**first, "label": "yes"}, {**second, "label": "perhaps"}]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    output = _run("import", str(file), "--reviewer", "ada", code=2)
    assert "line 2, label: got 'perhaps'" in output
    assert "0 of 2 requested texts answered" in _run("status")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "block.txt", "--reviewer", "ada"), "Set --format to one of csv, jsonl"),
        (("export", "block.csv"), "Set --reviewer"),
        (("import", "missing.csv", "--reviewer", "ada"), "Name a file that can be read"),
        (("request", "--language", "fr"), "Task 'medical' knows: de, en"),
    ],
)
def test_a_wrong_option_is_named(state_dir: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in _run(*arguments, code=2)


def test_a_table_of_another_encoding_is_named(state_dir: Path) -> None:
    file = state_dir / "block.csv"
    file.write_bytes("id;label\nä;yes\n".encode("latin-1"))
    assert "Save it as CSV UTF-8" in _run("import", str(file), "--reviewer", "ada", code=2)


def test_without_a_campaign_the_command_to_plan_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    assert "certify --plan" in _run("request", code=1)
    assert "No campaign is open" in _run("status")


def test_without_texts_there_is_no_queue(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_STORE_TEXT", "false")
    assert "SIGNALBOX_STORE_TEXT=true" in _run("request", code=2)


def test_from_answers_to_a_certificate_and_no_further_than_response_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way by commands: plan, request, export, import, certify, check."""
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_SECOND_REVIEW_SHARE", "0")

    async def write() -> None:
        async with open_store(Settings().store_url) as store:
            await store.append_many(
                [
                    record(f"text {i}", score=i / 100, thresholds_digest="0123456789abcdef")
                    for i in range(1200)
                ]
            )

    asyncio.run(write())

    def certify(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(make_app([]), ["certify", *arguments])
        assert result.exit_code == code, result.output
        return result.output + (result.stderr if code else "")

    certify("--create-key", str(tmp_path / "certificate.pem"))
    certify("--plan", "--language", "en", "--route", "encoder")
    _run("request")
    file = tmp_path / "block.csv"
    _run("export", str(file), "--reviewer", "ada", "--count", "100")
    # Handed out and not answered: no certificate.
    assert "0 of 100 requested labels" in certify("--language", "en", "--route", "encoder", code=1)
    lines = file.read_text("utf-8").splitlines()
    answered = [lines[0], *(line.removesuffix('""') + '"Yes"' for line in lines[1:])]
    file.write_text("\n".join(answered), "utf-8")
    assert "100 labels imported" in _run("import", str(file), "--reviewer", "ada")
    assert "certified from the score" in certify("--language", "en", "--route", "encoder")
    assert "the surest" in _run("status")
