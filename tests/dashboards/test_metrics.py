"""Every metric of the table is on its page, and a query with an unknown name fails the generation."""

import re
from pathlib import Path

import pytest
import yaml

from dashboards.metrics import check_names, known_names, measures, names_in, pages
from dashboards.rules.files import recorded
from signalbox.errors import InputError

PAGES = Path("tests/data/metrics")
ENGINES = yaml.safe_load(Path("charts/model-server/files/engines.yaml").read_text(encoding="utf-8"))


def names_of(page: str) -> set[str]:
    """Names of the samples of a page, and of its families."""
    text = (PAGES / f"{page}.txt").read_text(encoding="utf-8")
    families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    return families | set(re.findall(r"^([a-zA-Z_:][\w:]*)(?:\{| )", text, re.MULTILINE))


@pytest.mark.parametrize(("name", "page"), pages().items())
def test_a_metric_of_the_table_is_on_its_page(name, page):
    assert name in names_of(page)


def test_a_name_that_a_later_version_dropped_is_not_on_its_page():
    for measure in measures().values():
        for entry in measure.names:
            if entry.engine == "vllm" and entry.below:
                assert entry.name not in names_of("vllm-0.24.0"), entry
                assert entry.name not in names_of("vllm-0.32-cpu"), entry


def test_names_of_the_newest_version_come_first():
    for measure in measures().values():
        for engine in {entry.engine for entry in measure.names}:
            versions = [bool(entry.below) for entry in measure.names if entry.engine == engine]
            assert versions == sorted(versions), (measure.name, engine)


def test_the_queue_has_the_name_that_the_chart_of_the_model_server_scales_on():
    names = {entry.engine: entry.name for entry in measures()["requests_waiting"].names}
    assert names == {name: engine["waiting"] for name, engine in ENGINES.items() if engine.get("waiting")}


@pytest.mark.parametrize(
    "name", ["vllm:num_request_waiting", "signalbox_prediction_total", "signalbox:no_such_rule"]
)
def test_an_unknown_name_is_named_with_its_place(name):
    with pytest.raises(InputError) as error:
        check_names("signalbox-trust, Green", f"sum(rate({name}[5m]))", recorded())
    assert name in error.value.message
    assert "signalbox-trust, Green" in error.value.message


def test_a_counter_is_known_by_the_name_that_it_is_exported_with():
    assert "signalbox_predictions_total" in known_names()
    assert "signalbox_predictions" not in known_names()


def test_names_are_read_anywhere_in_an_expression():
    expression = 'label_replace(vector(0), "a", "b", "", "") or -topk(3, rate(w_total[5m])) unless max_over_time(z[1d:1m])'
    assert names_in(expression) == {"w_total", "z"}


def test_a_query_that_does_not_parse_is_an_error():
    with pytest.raises(InputError, match="Correct the query"):
        names_in("sum(")
