"""The guides show what their commands print today."""

import subprocess

import pytest

from tools.docs import examples
from tools.docs.pages import FILES


def test_every_guide_with_a_signalbox_prompt_is_written_by_the_generator():
    pages = {
        str(path.relative_to(examples.ROOT))
        for path in (examples.ROOT / "docs").rglob("*.md")
        if "\n$ signalbox" in path.read_text(encoding="utf-8")
    }
    assert pages
    assert pages <= FILES.keys()


def test_an_old_output_is_replaced_and_the_rest_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(examples, "ROOT", tmp_path)
    page = "# Title\n```text\n$ signalbox migrate --help\n{}```\n\n```text\nother\n```\n"
    (tmp_path / "page.md").write_text(page.format("old\nlines\n"), encoding="utf-8")
    text = examples.guide("page.md")
    assert "old" not in text
    assert "Usage" in text
    assert text.startswith("# Title\n```text\n$ signalbox migrate --help\n")
    assert text.endswith("\n```\n\n```text\nother\n```\n")


def test_a_command_that_fails_stops_the_generator():
    with pytest.raises(subprocess.CalledProcessError):
        examples.output("signalbox plan --gpu l5 --model llama-3.1-8b")
