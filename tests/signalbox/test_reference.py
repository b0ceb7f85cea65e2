"""The generated pages are current, whole and well-formed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from signalbox import reference
from signalbox.contracts import metrics
from signalbox.contracts.record import Feedback, Record
from tests.helpers import record

FOLDER = Path("docs/reference")


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_is_what_the_generator_writes(name):
    current = (FOLDER / name).read_text(encoding="utf-8")
    assert current == reference.PAGES[name](), "run `make generate`"


def test_the_command_writes_all_pages(tmp_path):
    command = [sys.executable, "-m", "signalbox.reference", str(tmp_path / "new" / "folder")]
    subprocess.run(command, check=True)
    written = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "new" / "folder").iterdir()
    }
    assert written == {name: page() for name, page in reference.PAGES.items()}


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
    for name in reference.PAGES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert str(Path.home()) not in text.replace("~", "")
        assert str(Path.cwd()) not in text


def test_the_schema_is_that_of_a_record():
    schemas = json.loads((FOLDER / "record.schema.json").read_text(encoding="utf-8"))
    assert set(schemas) == {"Record", "Feedback"}
    assert set(schemas["Record"]["properties"]) == set(Record.model_fields)
    assert set(schemas["Feedback"]["properties"]) == set(Feedback.model_fields)
    written = json.loads(record().model_dump_json())
    assert set(written) == set(schemas["Record"]["properties"])
