"""A real Prometheus (Debian's) with the generated rules, for the tests of boards on live data."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dashboards.rules.files import rule_files
from tests.helpers import free_port

INTERVAL = "2s"


class Prometheus:
    """A client of one server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query without NaN."""
        result = self.get("query", query=expression)["result"]
        return [series for series in result if series["value"][1] != "NaN"]

    def values(self, variable: str, pattern: str) -> list[str]:
        """What a variable of Grafana offers for this query: `label_values` or `query_result` with its pattern."""
        if match := re.fullmatch(r"label_values\((.+), (\w+)\)", variable):
            series = self.get("series", **{"match[]": match[1]})
            return sorted({labels[match[2]] for labels in series if match[2] in labels})
        match = re.fullmatch(r"query_result\((.+)\)", variable)
        assert match, variable
        texts = [f"{series['metric']} {{}} {series['value'][1]} 0" for series in self.query(match[1])]
        return [found[1] for text in texts if (found := re.search(pattern, text))]


@contextlib.contextmanager
def prometheus(folder: Path, jobs: list[dict[str, Any]], interval: str = INTERVAL) -> Iterator[Prometheus]:
    """A server that scrapes these jobs and evaluates all rules at one interval, those of the month as well."""
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for name, text in rule_files().items():
        (rules / name).write_text(text.replace("interval: 10m", f"interval: {interval}"), encoding="utf-8")
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval, "scrape_timeout": interval},
        "rule_files": [str(rules / "*.yaml")],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield ready(Prometheus(f"http://127.0.0.1:{port}"), process)
        finally:
            process.terminate()
            process.wait(timeout=60)


def ready(server: Prometheus, process: subprocess.Popen[bytes], seconds: float = 60) -> Prometheus:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            server.query("vector(1)")
            return server
        time.sleep(0.2)
    raise AssertionError("Prometheus does not answer; see its log")


def job(name: str, address: str, path: str = "/metrics", **labels: str) -> dict[str, Any]:
    """A scrape job with one target."""
    return {
        "job_name": name,
        "metrics_path": path,
        "honor_labels": name in ("contracts", "kube-state-metrics"),
        "static_configs": [{"targets": [address], "labels": labels}],
    }
