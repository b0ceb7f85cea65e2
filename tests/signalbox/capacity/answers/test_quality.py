"""What people would run first."""

import json

import pytest

from signalbox.capacity.answers.quality import accuracies, generation, released
from signalbox.capacity.answers.rank import rank, sort_of
from signalbox.capacity.hardware.inventory import parse_gpus
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError

ROWS = default_catalogue()
POOLS = parse_gpus("2xT4,1xL4", ROWS.gpu)


def test_every_model_that_is_ranked_has_a_date():
    assert [row.name for row in ROWS.models if row.generates and released(row.name) is None] == []


def test_old_and_large_models_are_not_first():
    models = [option.model for option in rank(Request(), POOLS, ROWS).options]
    first = list(dict.fromkeys(models))[:10]
    assert all(generation(name) >= 2025 for name in first), first


def test_a_size_order_is_the_one_of_parameters_among_those_that_fit():
    options = rank(Request(), POOLS, ROWS, sort="size").options
    sizes = [(option.fits_concurrency, option.parameters_billion) for option in options]
    assert sizes == sorted(sizes, reverse=True)


def test_a_speed_order_begins_with_the_fastest():
    options = rank(Request(model="Qwen3-14B"), POOLS, ROWS, sort="speed").options
    rates = [option.output_tokens_per_second.high for option in options]
    assert rates == sorted(rates, reverse=True)


def test_an_unknown_order_names_the_known_ones():
    with pytest.raises(InputError, match="unknown order `best`") as caught:
        sort_of("best")
    assert "quality" in caught.value.hint


def comparison(right: dict[str, int]) -> dict[str, object]:
    """Four answers a model, of which so many of the first label are right."""

    def answers(number: int) -> list[dict[str, object]]:
        labels = ["yes", "yes", "no", "no"]
        verdicts = ["yes"] * number + ["no"] * (4 - number)
        return [
            {"row": str(i), "label": label, "verdicts": [verdict]}
            for i, (label, verdict) in enumerate(zip(labels, verdicts, strict=True))
        ]

    models = [
        {"name": name, "kind": "decoder", "release": None, "answers": answers(number)}
        for name, number in right.items()
    ]
    return {"schema_version": 1, "task": "medical", "models": models}


def test_a_comparison_comes_before_generation_and_size(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(comparison({"google/gemma-2-2b-it": 2, "Qwen/Qwen3-4B": 1})))
    measured = accuracies(path)
    assert measured == {"gemma22b": 1.0, "qwen34b": 0.75}
    ranking = rank(Request(), POOLS, ROWS, measured=measured)
    order = list(dict.fromkeys(option.model for option in ranking.options))
    assert order[:2] == ["google/gemma-2-2b-it", "Qwen/Qwen3-4B"]
    assert "measured accuracy" in ranking.order


def test_a_row_without_an_answer_is_wrong_and_neutral_is_right_for_none_of_these(tmp_path):
    answers = [
        {"row": "1", "label": "yes", "verdicts": []},
        {"row": "2", "label": "yes", "verdicts": ["yes"]},
        {"row": "3", "label": "none of these", "verdicts": ["Neutral"]},
    ]
    models = [{"name": "Qwen/Qwen3-4B", "kind": "decoder", "release": None, "answers": answers}]
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"schema_version": 1, "task": "medical", "models": models}))
    assert accuracies(path) == {"qwen34b": 0.75}


def test_another_file_is_an_input_error(tmp_path):
    path = tmp_path / "other.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="no answers of a comparison"):
        accuracies(path)
