"""The contracts' public names, and the one table of routes."""

from typing import get_args

import signalbox.contracts
from signalbox.contracts import MODELS, ROUTES, ModelName, Route


def test_public_names_are_sorted_and_importable():
    names = signalbox.contracts.__all__

    def constants_classes_functions(name: str) -> tuple[bool, bool, str]:
        return (not name.isupper(), name[0].islower(), name)

    assert names == sorted(names, key=constants_classes_functions)
    assert len(names) == len(set(names))
    for name in names:
        assert hasattr(signalbox.contracts, name)


def test_every_route_is_in_the_table():
    assert tuple(ROUTES) == get_args(Route)
    assert get_args(ModelName) == MODELS
    for route in ROUTES.values():
        assert route.models
        assert set(route.models) <= set(MODELS)


def test_a_route_of_one_model_has_its_name():
    for model in MODELS:
        assert ROUTES[model].models == (model,)
