"""A store on either database, as the tests of the store have it."""

from tests.signalbox.store.conftest import postgres, url

__all__ = ["postgres", "url"]
