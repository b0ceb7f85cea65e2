"""One run of a tool of `benchmarks.drift_peers`, in its own environment: prints CPU seconds and the peak of memory as JSON."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

# Imports are measured, and each environment has its own packages.

CURRENT_DAYS, REFERENCE_DAYS = 7, 28
NUMBERS, LABELS = ("p_yes", "input_characters"), ("verdict", "candidate_light", "outcome")
_SELECT = """SELECT json_extract(probabilities, '$.yes') AS p_yes, input_characters, verdict, candidate_light,
light_reason AS outcome FROM record WHERE task = 'medical' AND language = 'en' AND source = 'user'
AND created_at >= ? AND created_at < ?"""


class Clock:
    """CPU seconds of the process since the last look."""

    def __init__(self) -> None:
        self._last = 0.0

    def lap(self) -> float:
        """Seconds, of user and system together."""
        now = time.process_time()
        seconds, self._last = now - self._last, now
        return seconds


def signalbox(path: Path, now: datetime, *, texts: bool) -> dict[str, float]:
    """The job's reading and its tests, without report and metrics."""
    clock = Clock()
    from pipelines.classes import Classes
    from pipelines.drift.comparison import compare
    from pipelines.drift.job import windows_of
    from pipelines.windows import read
    from signalbox.store import open_store
    from signalbox.tasks import load_task

    task = load_task(Path("tasks/medical"))
    seconds = {"import": clock.lap()}
    windows = windows_of(now, current_days=CURRENT_DAYS, reference_days=REFERENCE_DAYS)

    async def pairs() -> dict:
        async with open_store(f"sqlite:///{path}") as store:
            return await read(store, task, ["en"], ["encoder"], windows)

    values = asyncio.run(pairs())
    if not texts:
        for pair in values.values():
            pair.reference.texts, pair.current.texts = [], []
    seconds["read"] = clock.lap()
    rows = compare(Classes.of(task), values)
    seconds["test"] = clock.lap()
    assert sum(row.outcome is not None for row in rows) == 5 + texts
    return seconds


def evidently(path: Path, now: datetime) -> dict[str, float]:
    """Its preset with its own choice of methods, which by this size are distances without a p-value."""
    clock = Clock()
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    seconds = {"import": clock.lap()}
    frames = _frames(pd, path, now)
    seconds["read"] = clock.lap()
    definition = DataDefinition(numerical_columns=list(NUMBERS), categorical_columns=list(LABELS))
    reference, current = (Dataset.from_pandas(frame, definition) for frame in frames)
    Report([DataDriftPreset()]).run(current, reference).dict()
    seconds["test"] = clock.lap()
    return seconds


def alibi(path: Path, now: datetime) -> dict[str, float]:
    """KS of numbers and chi-square of labels."""
    clock = Clock()
    import numpy as np
    import pandas as pd
    from alibi_detect.cd import TabularDrift

    seconds = {"import": clock.lap()}
    reference, current = _frames(pd, path, now)
    seconds["read"] = clock.lap()
    for name in LABELS:
        kind = pd.CategoricalDtype(sorted({*reference[name].unique(), *current[name].unique()}))
        for frame in (reference, current):
            frame[name] = frame[name].astype(kind).cat.codes
    sides = [frame[[*NUMBERS, *LABELS]].to_numpy(np.float32) for frame in (reference, current)]
    labels = {len(NUMBERS) + place: None for place in range(len(LABELS))}
    TabularDrift(sides[0], p_val=0.05, categories_per_feature=labels).predict(sides[1])
    seconds["test"] = clock.lap()
    return seconds


def _frames(pd, path: Path, now: datetime) -> list:
    border = now - timedelta(days=CURRENT_DAYS)
    since = border - timedelta(days=REFERENCE_DAYS)
    with sqlite3.connect(path) as connection:
        return [
            pd.read_sql_query(
                _SELECT, connection, params=[moment.isoformat(timespec="microseconds") for moment in window]
            )
            for window in ((since, border), (border, now))
        ]


def main() -> None:
    """Arguments: the tool, the database, the end of the current window."""
    tool, path, now = sys.argv[1], Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
    tools = {
        "signalbox": lambda: signalbox(path, now, texts=False),
        "signalbox-texts": lambda: signalbox(path, now, texts=True),
        "evidently": lambda: evidently(path, now),
        "alibi": lambda: alibi(path, now),
    }
    seconds = tools[tool]()
    print(json.dumps({**seconds, "peak": peak_mib()}))


def peak_mib() -> float:
    """Of this program alone: `resource.getrusage` counts the process that started it, too."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
