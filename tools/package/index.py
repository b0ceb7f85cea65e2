"""The index of a plain HTTP repository: index.yaml next to the archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from tools.oci.client import file_digest
from tools.package.charts import Chart
from tools.package.source import Source


def write_index(charts: Sequence[Chart], folder: Path, source: Source, url: str = "") -> Path:
    """Write index.yaml with an entry for each chart; without `url` the addresses are relative to the index."""
    prefix = f"{url.rstrip('/')}/" if url else ""
    entries = {
        chart.name: [
            chart.about
            | {
                "created": source.time,
                "digest": file_digest(chart.archive).removeprefix("sha256:"),
                "urls": [f"{prefix}{chart.archive.name}"],
            }
        ]
        for chart in charts
    }
    path = folder / "index.yaml"
    index = {"apiVersion": "v1", "generated": source.time, "entries": entries}
    path.write_text(yaml.safe_dump(index, allow_unicode=True, width=1000), encoding="utf-8")
    return path
