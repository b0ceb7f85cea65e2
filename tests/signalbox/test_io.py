"""Files that are written whole, and append-only logs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from signalbox.io import AppendLog, write_whole


def test_text_and_bytes_go_into_a_new_folder(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_whole(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    write_whole(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(path.parent.iterdir()) == [path]


def test_the_mode_is_that_of_open_or_the_requested_one(tmp_path):
    write_whole(tmp_path / "secret", "s", mode=0o600)
    write_whole(tmp_path / "plain", "p")
    (tmp_path / "opened").write_text("o")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "plain").stat().st_mode == (tmp_path / "opened").stat().st_mode


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_one_whole_file_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = {letter * 200_000 for letter in "abc"}
    write_whole(path, min(texts))
    writers = [
        threading.Thread(target=lambda t=text: [write_whole(path, t) for _ in range(10)]) for text in texts
    ]
    for writer in writers:
        writer.start()
    contents = set()
    while any(writer.is_alive() for writer in writers):
        contents.add(path.read_text())
    assert contents <= texts
    assert list(tmp_path.iterdir()) == [path]


# --- append-only logs -------------------------------------------------------------------------------------


def test_rows_are_read_back_in_order(tmp_path: Path) -> None:
    log = AppendLog(tmp_path / "a" / "rows.jsonl")
    assert log.load() == []
    log.append('{"text":"one\u2028two"}', "[1]")
    log.append("[2]")
    assert AppendLog(log.path).load() == ['{"text":"one\u2028two"}'.encode(), b"[1]", b"[2]"]
    log.clear()
    assert log.load() == []
    log.clear()


@pytest.mark.parametrize("torn", [b'{"id":', b"\xff", '{"text":"ü'.encode()[:-1]])
def test_a_torn_last_line_is_cut_off_by_load(tmp_path: Path, torn: bytes) -> None:
    log = AppendLog(tmp_path / "rows.jsonl")
    log.append("[1]")
    with log.path.open("ab") as file:
        file.write(torn)
    assert log.load() == [b"[1]"]
    log.append("[2]")
    assert log.load() == [b"[1]", b"[2]"]


def test_a_file_that_is_one_torn_line_is_empty(tmp_path: Path) -> None:
    log = AppendLog(tmp_path / "rows.jsonl")
    log.path.write_bytes(b'{"id":')
    assert log.load() == []
    assert log.path.read_bytes() == b""


def test_a_row_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch) -> None:
    log = AppendLog(tmp_path / "rows.jsonl")
    log.append("[1]")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.append("[2]", "[3]")
    log.append("[4]")
    assert log.load() == [b"[1]", b"[4]"]


def test_a_row_with_a_newline_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="newline"):
        AppendLog(tmp_path / "rows.jsonl").append("[1]\n[2]")


def test_no_acknowledged_row_is_lost_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    code = (
        "import sys; from pathlib import Path; from signalbox.io import AppendLog\n"
        "log = AppendLog(Path(sys.argv[1]))\n"
        "for number in range(100_000): log.append(str(number)); print(number, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(50)]
        process.kill()
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    rows = AppendLog(path).load()
    assert len(rows) >= len(acknowledged) >= 50
    assert rows == [str(number).encode() for number in range(len(rows))]
