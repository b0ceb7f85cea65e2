"""A file that is put in place whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from signalbox.files import write_whole


def test_text_and_bytes_go_into_a_folder_that_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_whole(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    write_whole(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(path.parent.iterdir()) == [path]


def test_the_mode_is_what_open_would_give_or_what_was_asked_for(tmp_path):
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


def test_a_reader_beside_writers_sees_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = {letter * 200_000 for letter in "abc"}
    write_whole(path, min(texts))
    writers = [
        threading.Thread(target=lambda t=text: [write_whole(path, t) for _ in range(10)]) for text in texts
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_text())
    assert seen <= texts
    assert list(tmp_path.iterdir()) == [path]
