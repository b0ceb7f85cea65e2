"""Ranking what fits on an inventory."""

import io

import pytest
from rich.console import Console

from signalbox.capacity.answers.rank import Option, rank
from signalbox.capacity.cli.show_ranking import show_ranking
from signalbox.capacity.hardware.inventory import parse_gpus
from signalbox.capacity.planner.plan import default_catalogue, plan
from signalbox.capacity.planner.request import Request
from signalbox.capacity.speed.energy import load_prices
from signalbox.errors import InputError

ROWS = default_catalogue()


def ranked(gpus: str, **changes):
    return rank(Request(**changes), parse_gpus(gpus, ROWS.gpu), ROWS)


ALL = ranked("2xT4,1xL4")


def test_the_order_is_the_stated_one():
    def key(option: Option) -> tuple[float, ...]:
        return (
            not option.fits_concurrency,
            -int((option.released or "0")[:4]),
            -option.parameters_billion,
            option.quality_rank,
            option.gpus,
            -option.max_concurrency,
        )

    keys = [key(option) for option in ALL.options]
    assert keys == sorted(keys)
    assert len(keys) > 100


def test_every_option_fits_when_planned_alone():
    for option in ALL.options[::7]:
        alone = plan(
            Request(
                model=option.model,
                gpu=f"{option.gpus}x{option.gpu}",
                quantization=option.quantization,
                tensor_parallel=option.tensor_parallel,
            )
        )
        assert alone.fits
        assert alone.kv_tokens == option.kv_tokens


def test_no_option_needs_more_than_the_inventory():
    inventory = {"t4": 2, "l4": 1}
    assert all(option.gpus <= inventory[option.gpu] for option in ALL.options)
    assert {option.gpu for option in ALL.options} == set(inventory)


def test_models_that_do_not_fit_are_listed():
    fitting = {option.model for option in ALL.options}
    assert "deepseek-ai/DeepSeek-V3" in ALL.fits_nowhere
    assert fitting.isdisjoint(ALL.fits_nowhere)
    assert len(fitting) + len(ALL.fits_nowhere) == sum(row.generates for row in ROWS.models)


def test_encoders_are_ranked_only_if_they_are_named():
    encoders = {row.name for row in ROWS.models if not row.generates}
    assert "BAAI/bge-m3" in encoders
    assert encoders.isdisjoint({*(option.model for option in ALL.options), *ALL.fits_nowhere})
    named = ranked("2xT4,1xL4", model="BAAI/bge-m3").options
    assert {option.gpu for option in named} == {"t4", "l4"}
    assert {option.kv_tokens for option in named} == {0}


def test_one_model_only():
    ranking = ranked("2xT4,1xL4", model="llama-3.1-8b")
    assert {option.model for option in ranking.options} == {"meta-llama/Llama-3.1-8B"}
    assert {option.gpu for option in ranking.options} == {"t4", "l4"}
    with pytest.raises(InputError, match="did you mean"):
        ranked("L4", model="lama-3.1-8b")


def test_who_holds_the_requests_comes_first():
    ranking = ranked("1xL4", model="llama-3.1-8b", context=4096, concurrency=16)
    holds = [option.fits_concurrency for option in ranking.options]
    assert holds == sorted(holds, reverse=True)
    assert len(set(holds)) == 2


def test_a_pool_too_small_for_the_parallelism_has_no_options():
    ranking = ranked("2xT4,1xL4", model="llama-3.1-8b", tensor_parallel=2, memory_utilization=0.85)
    assert {option.gpu for option in ranking.options} == {"t4"}


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_console(width):
    console = Console(file=io.StringIO(), width=width)
    show_ranking(ALL, console, top=10)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert ALL.options[0].model.split("/")[-1] in text
    pairs = {(option.model, option.gpu) for option in ALL.options}
    assert f"{len(pairs) - 10} more" in text
    assert ALL.order in " ".join(text.split())


def test_one_model_is_shown_in_all_quantizations():
    ranking = ranked("1xL4", model="llama-3.1-8b")
    console = Console(file=io.StringIO(), width=100)
    show_ranking(ranking, console, top=0)
    text = console.file.getvalue()
    assert len(ranking.options) > 8
    assert all(option.quantization in text for option in ranking.options)


def test_the_cheapest_has_the_lowest_price_and_fits_the_requests():
    prices = load_prices()
    ranking = rank(
        Request(model="llama-3.1-8b", context=4096, concurrency=8),
        parse_gpus("4xT4,1xL4,1xH100", ROWS.gpu),
        ROWS,
        prices=prices,
    )
    assert ranking.cheapest is not None
    fitting = [option for option in ranking.options if option.fits_concurrency]
    assert ranking.cheapest.price_per_hour == min(option.price_per_hour for option in fitting)
    assert ranking.cheapest.price_per_hour == prices.gpu_hour[ranking.cheapest.gpu] * ranking.cheapest.gpus
    assert ranking.currency == prices.currency


def test_without_prices_nothing_is_cheapest():
    assert (ALL.cheapest, ALL.currency) == (None, None)
