"""All generated pages and files, by path from the repository's root."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tools.capacity import cases
from tools.capacity.chart_table import table_file
from tools.capacity.reference_page import capacity_page
from tools.docs.examples import guide
from tools.docs.metrics import metrics_page
from tools.docs.runbooks import runbook_copies
from tools.docs.schemas import certificate_schema, plan_schema, ranking_schema, record_schema
from tools.docs.settings import settings_page

FILES: dict[str, Callable[[], str]] = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/certificate.schema.json": certificate_schema,
    "docs/reference/record.schema.json": record_schema,
    "docs/reference/capacity.md": capacity_page,
    "docs/reference/capacity-cases.md": cases.page,
    "docs/reference/plan.schema.json": plan_schema,
    "docs/reference/ranking.schema.json": ranking_schema,
    # Guides are written by hand, but for the output of their commands.
    **{
        name: partial(guide, name)
        for name in ("docs/guides/plan.md", "docs/guides/check-boot.md", "docs/guides/models.md")
    },
    # A chart can read only files of its own.
    "charts/model-server/files/capacity.json": table_file,
    # The wheel of the library has no docs folder.
    **runbook_copies(),
}
