"""The blessed answers of the golden rows: a file for each task and route. Without texts, only their hashes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, Field, ValidationError

from signalbox.contracts.labels import NEUTRAL
from signalbox.contracts.record import Contract, Record
from signalbox.contracts.routes import Route
from signalbox.errors import InputError
from signalbox.io import write_whole

ProbabilityByLabel = dict[str, float]


class BlessedRow(Contract):
    """The answers to one row. `path` names what answered: release, prompt and thresholds."""

    path: str
    language: str
    runs: tuple[ProbabilityByLabel, ...] = Field(min_length=2)
    reported: tuple[ProbabilityByLabel, ...] = Field(
        default=(), description="Answers of a change that was reported: it is not reported twice."
    )


class Blessing(Contract):
    """Blessed answers by the hash of the text."""

    task: str
    route: Route
    blessed_at: AwareDatetime
    rows: dict[str, BlessedRow] = Field(default={})

    @property
    def paths(self) -> set[str]:
        """All that answered when the rows were blessed; a cascade has more than one."""
        return {row.path for row in self.rows.values()}


def path_of(record: Record) -> str:
    """What answered: another release, prompt or calibration has another name, and certificates of its own."""
    release = record.release.key if record.release else "none"
    return f"{release}|{record.prompt_digest or ''}|{record.thresholds_digest or ''}"


def answer_of(record: Record) -> ProbabilityByLabel:
    """Probabilities of the labels; of an answer without them its verdict alone."""
    return dict(record.probabilities or {record.verdict or NEUTRAL: 1.0})


def load(folder: Path, task: str, route: Route, now: datetime) -> Blessing:
    """The blessing of a route, empty if there is none. Raises InputError for a file that is none."""
    path = _path(folder, task, route)
    if not path.exists():
        return Blessing(task=task, route=route, blessed_at=now)
    try:
        return Blessing.model_validate_json(path.read_bytes())
    except ValidationError as error:
        hint = "Restore the file, or bless the answers again with `signalbox-jobs golden --bless`."
        raise InputError(
            str(path), "(no blessing)", hint, problem=f"{path} is not a blessing: {error}"
        ) from error


def save(folder: Path, blessing: Blessing) -> Path:
    """Write the blessing of a route and return the path."""
    path = _path(folder, blessing.task, blessing.route)
    write_whole(path, blessing.model_dump_json(indent=1) + "\n")
    return path


def _path(folder: Path, task: str, route: Route) -> Path:
    return folder / f"golden-{task}-{route}.json"
