"""MLflow in a file, and a toy world for evaluation and comparison."""

import itertools
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mlflow
import pytest

from signalbox.contracts.record import LabeledText
from tests.pipelines.world import World, make_world, rows_right_and_wrong

_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Handlers as before the test: a command of a job replaces them, by one for a stream that is closed then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with all its tables and no row: the migrations take seconds, a copy takes none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def mlflow_url(tmp_path: Path, empty_store: Path) -> str:
    """A tracking store of the test's own in SQLite: the server's own backend without its HTTP."""
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"


@pytest.fixture
def new_world(tmp_path: Path, mlflow_url: str) -> Callable[[Sequence[LabeledText]], World]:
    """Creates a world of test rows; its experiment keeps its artifacts in the test's folder."""

    def make(rows: Sequence[LabeledText]) -> World:
        name = f"toy-{next(_NUMBERS)}"
        mlflow.MlflowClient(mlflow_url).create_experiment(name, (tmp_path / "artifacts").as_uri())
        return make_world(tmp_path, name, mlflow_url, rows)

    return make


@pytest.fixture
def world(new_world: Callable[[Sequence[LabeledText]], World]) -> Iterator[World]:
    """English and German rows, three of four right; the assessor and the models are up."""
    example = new_world([*rows_right_and_wrong("en"), *rows_right_and_wrong("de")])
    with example.model_servers(), example.assessor():
        yield example
