"""Each engine's row of files/engines.yaml holds what the engine's own reference has."""

import json
import re
from pathlib import Path

import pytest
import yaml

from signalbox.capacity.support.matrix import OK, load_support
from tests.charts.conftest import chart_folder
from tools.charts import ROOT

ENGINES = yaml.safe_load(
    (chart_folder("model-server") / "files" / "engines.yaml").read_text(encoding="utf-8")
)
DATA = Path(__file__).parent.parent / "data"
SOURCES = (ROOT / "docs" / "reference" / "engines-sources.md").read_text(encoding="utf-8")
# Engine → the list of its flags, from its own help or reference.
FLAGS = {
    "vllm": "vllm-0.24.0-flags.txt",
    "sglang": "sglang-0.5.18-flags.txt",
    "tgi": "tgi-3.3-flags.txt",
    "llamacpp": "llama-server-11434-flags.txt",
}


def words(name: str) -> set[str]:
    return set((DATA / name).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("engine", [name for name, row in ENGINES.items() if row["flags"]])
def test_every_flag_exists(engine):
    row = ENGINES[engine]
    flags = [flag["flag"] for flag in row["flags"]] + row.get("leaderFlags", []) + row.get("workerFlags", [])
    assert {word for word in flags if word.startswith("--")} - words(FLAGS[engine]) == set()


def test_tgi_is_told_values_that_it_knows():
    row, values = ENGINES["tgi"], words("tgi-3.3-values.txt")
    assert {f"--quantize={value}" for value in row["quantize"].values()} <= values
    assert {f"--dtype={value}" for value in row["dtypes"].values()} <= values
    assert {
        item["name"] for item in row["env"] if item["name"] in ("USAGE_STATS", "HUGGINGFACE_HUB_CACHE")
    } <= values
    assert row["keyVariable"] in values


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_serves_what_the_planner_has_for_it(engine):
    """bnb-nf4-dq is a property of the checkpoint (the chart's name for both is bnb-nf4) where the engine does not quantize so itself.

    Quantizations that no GPU supports are left out.
    """
    tables = load_support()
    served = {
        name
        for name, cells in tables.matrix[engine].items()
        if any(cell == OK or tables.rules[cell].level != "unsupported" for cell in cells)
    }
    row = ENGINES[engine]
    assert set(row["quantizations"]) == served - ({"bnb-nf4-dq"} - set(row["onLoad"]))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_variable_has_its_source(engine):
    row = ENGINES[engine]
    names = (
        {item["name"] for item in row["env"]}
        | row["offline"].keys()
        | {row["keyVariable"], row["tokenVariable"]}
    )
    assert {name for name in names - {""} if f"`{name}`" not in SOURCES} == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_image_has_its_source(engine):
    image = ENGINES[engine]["image"]
    assert f"`{image['registry']}/{image['repository']}" in SOURCES
    tags = [image["tag"]] if "tag" in image else ENGINES[engine]["imageTags"].values()
    assert {tag for tag in tags if f"`{tag}`" not in SOURCES} == set()


def test_the_metrics_that_are_dropped_exist():
    """The one place where the chart names metrics of an engine; the list is the engine's own page of them."""
    assert [name for name, row in ENGINES.items() if "dropMetrics" in row] == ["tgi"]
    dropped = re.compile(ENGINES["tgi"]["dropMetrics"])
    metrics = {name for name in words("tgi-3.3-metrics.txt") if dropped.fullmatch(f"{name}_bucket")}
    assert metrics == {
        "tgi_batch_next_size",
        "tgi_request_generated_tokens",
        "tgi_request_input_length",
        "tgi_request_max_new_tokens",
    }


def test_the_metrics_of_sglang_that_the_sources_name_exist():
    (line,) = [line for line in SOURCES.splitlines() if line.startswith("| SGLang: metrics")]
    names = set(re.findall(r"`(sglang:[a-z_]+)`", line))
    assert len(names) == 3
    assert names <= words("sglang-0.5.18-metrics.txt")


def test_entries_of_ones_own_may_have_the_fields_of_the_table():
    """Fields that name files or scripts of the chart are left out."""
    schema = json.loads((chart_folder("model-server") / "values.schema.json").read_text(encoding="utf-8"))
    fields = schema["properties"]["engines"]["additionalProperties"]["properties"]
    used = {name for row in ENGINES.values() for name in row}
    assert used - fields.keys() == {
        "pull",
        "imageOfModel",
        "archived",
        "imageFlaw",
        "imageFix",
        "tokenAlways",
    }
    assert fields.keys() - used == {"like"}


def test_entries_of_ones_own_may_name_the_facts_that_the_chart_has():
    schema = json.loads((chart_folder("model-server") / "values.schema.json").read_text(encoding="utf-8"))
    flag = schema["properties"]["engines"]["additionalProperties"]["properties"]["flags"]["items"]
    template = (chart_folder("model-server") / "templates" / "_engine.tpl").read_text(encoding="utf-8")
    text = template.partition('define "model-server.facts"')[2].partition("| toJson -}}")[0]
    assert set(re.findall(r'^  "(\w+)" ', text, re.MULTILINE)) == set(flag["properties"]["value"]["enum"])


def test_the_tags_of_llamacpp_are_in_public_use():
    """Images are built once a day: most build numbers have none."""
    row = ENGINES["llamacpp"]
    (line,) = [line for line in SOURCES.splitlines() if line.startswith("| llama.cpp | `ghcr.io")]
    assert "not seen" not in line
    assert f"`{row['image']['tag']}` and `{row['cpuTag']}` | seen" in line
