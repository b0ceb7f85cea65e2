"""The generated pages are current, whole and well-formed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from signalbox.contracts import metrics
from signalbox.contracts.record import Feedback, Record
from tests.helpers import record
from tools.docs.pages import FILES

FOLDER = Path("docs/reference")


def test_the_command_writes_every_file_as_it_is_committed(tmp_path):
    command = [sys.executable, "-m", "tools.docs", str(tmp_path / "new" / "folder")]
    subprocess.run(command, check=True)
    for name in FILES:
        current = Path(name).read_text(encoding="utf-8")
        assert current == (tmp_path / "new" / "folder" / name).read_text(encoding="utf-8"), (
            f"{name} is not current: run `make generate`"
        )


@pytest.mark.parametrize("name", ["settings.md", "metrics.md"])
def test_every_row_of_a_table_has_the_headers_width(name):
    lines = [
        line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    assert len(lines) > 10
    assert {line.count("|") for line in lines} == {5}


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_on_its_page_under_its_exported_name(metric):
    registry = CollectorRegistry()
    collector = metric.build(registry)
    if metric.labels:
        collector.labels(*metric.labels)
    page = (FOLDER / "metrics.md").read_text(encoding="utf-8")
    (row,) = [
        line for line in page.splitlines() if f"`{metric.name}`" in line or f"`{metric.name}_total`" in line
    ]
    exported = row.split("`")[1]
    assert exported in generate_latest(registry).decode()
    assert metric.help in row
    assert all(f"`{label}`" in row for label in metric.labels)


def test_nothing_of_this_machine_is_on_a_page():
    for name in FILES:
        text = Path(name).read_text(encoding="utf-8")
        assert str(Path.home()) not in text.replace("~", "")
        assert str(Path.cwd()) not in text


def test_the_schema_is_that_of_a_record():
    schemas = json.loads((FOLDER / "record.schema.json").read_text(encoding="utf-8"))
    assert set(schemas) == {"Record", "Feedback"}
    assert set(schemas["Record"]["properties"]) == set(Record.model_fields)
    assert set(schemas["Feedback"]["properties"]) == set(Feedback.model_fields)
    written = json.loads(record().model_dump_json())
    assert set(written) == set(schemas["Record"]["properties"])
