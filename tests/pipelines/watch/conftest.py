"""A certificate in use, on either database."""

from pathlib import Path

import pytest

from signalbox.settings import Settings
from tests.pipelines.watch.world import TASK_FOLDER, World
from tests.signalbox.store.conftest import postgres, url

__all__ = ["postgres", "url"]


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    return Settings(state_dir=tmp_path / "state", database_url=url, task=TASK_FOLDER)


@pytest.fixture
def world(settings: Settings) -> World:
    """A certificate that was issued two days ago from 60 labels without an error."""
    return World(settings)
