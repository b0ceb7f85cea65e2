"""Inputs of open decisions that are files: campaigns with their labels, and the newest comparison of models."""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path

from pipelines.compare.conclusion import MAJORITY, Conclusion, Contender, conclude
from pipelines.compare.results import FILE_NAME, SavedComparison, SavedModel, load
from pipelines.compare.rows import row_key
from pipelines.compare.scoring import share_right
from pipelines.owed.decisions import OpenCampaign
from signalbox.certificate.folder import campaigns_of
from signalbox.certificate.issue import outlook
from signalbox.contracts.certificate import Campaign
from signalbox.contracts.labels import Label
from signalbox.contracts.routes import Route
from signalbox.errors import InputError
from signalbox.requests.labels import labels_of_campaign
from signalbox.settings import Settings
from signalbox.store import Store
from signalbox.tasks import Task, load_all

logger = logging.getLogger(__name__)

Cell = tuple[str, str]  # tier, "" without tiers, and language


async def open_campaigns(store: Store, settings: Settings, task: Task) -> list[OpenCampaign]:
    """The newest campaign of each language, verdict and route, with the labels of its queue."""
    newest: dict[tuple[Route, str, Label | None], Campaign] = {}
    for campaign in campaigns_of(settings.certificates_dir, task.name):  # the newest first
        key = campaign.key
        newest.setdefault((key.route, key.language, key.verdict), campaign)
    return [
        OpenCampaign(
            route,
            language,
            verdict,
            outlook(campaign, labels_of_campaign(await store.requests.states(campaign.id), task)),
        )
        for (route, language, verdict), campaign in newest.items()
    ]


def conclusions(folder: Path, task: Task) -> dict[Cell, Conclusion]:
    """What the newest comparison of a task shows. A file that cannot be read, or is of another task, shows nothing."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        saved = load(path)
    except InputError as error:
        logger.warning("comparison left out", extra={"path": str(path), "cause": error.message})
        return {}
    if saved.task != task.name:
        return {}
    return conclusions_of(saved, {row_key(row): row.family for row in load_all(task)})


def conclusions_of(saved: SavedComparison, families: dict[str, str]) -> dict[Cell, Conclusion]:
    """The conclusion of each tier and language. `families`: of each row by its key; one that is gone counts by itself."""
    cells: dict[Cell, list[tuple[SavedModel, dict[str, float]]]] = defaultdict(list)
    for model in saved.models:
        right: dict[Cell, dict[str, float]] = defaultdict(dict)
        for one in model.answers:
            right[one.tier or "", one.language][one.row] = share_right(one.label, one.verdicts)
        for cell, shares in right.items():
            cells[cell].append((model, shares))
    results = {}
    for cell, models in cells.items():
        rows = sorted(set.intersection(*(set(shares) for _, shares in models)))
        contenders = [
            Contender(model.name, tuple(shares[row] for row in rows), model.size_bytes)
            for model, shares in models
        ]
        if rows and len(contenders) > 1 and any(one.name == MAJORITY for one in contenders):
            results[cell] = conclude(contenders, [families.get(row, row) for row in rows], saved.margin)
    return results
