"""Options that several jobs share."""

import pytest

from pipelines.options import parse_routes
from signalbox.contracts.routes import ROUTES
from signalbox.errors import InputError
from signalbox.settings import Settings


def test_routes_are_in_the_order_of_their_names():
    assert parse_routes(["cascade", "encoder"]) == ["cascade", "encoder"]
    assert parse_routes(None) == list(ROUTES)


@pytest.mark.parametrize(
    ("disabled", "routes"), [("decoder", ("encoder",)), ("encoder", ("decoder",)), ("", tuple(ROUTES))]
)
def test_a_route_over_a_disabled_model_is_rejected_with_those_that_exist(disabled, routes):
    settings = Settings(**({f"{disabled}_enabled": False} if disabled else {}))
    assert settings.routes == routes
    assert parse_routes(None, settings.routes) == list(routes)
    if disabled:
        with pytest.raises(InputError) as error:
            parse_routes(["cascade"], settings.routes)
        assert error.value.hint == f"Choose {routes[0]}."
