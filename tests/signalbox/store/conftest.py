"""A real Postgres on loopback, and a store on either database."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Skipped only when SIGNALBOX_SKIP_POSTGRES=1 says so."""
    if os.environ.get("SIGNALBOX_SKIP_POSTGRES") == "1":
        pytest.skip("SIGNALBOX_SKIP_POSTGRES=1")
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    create: Callable[[str], str] = server.create
    return create(f"test_{abs(hash(request.node.nodeid))}")
