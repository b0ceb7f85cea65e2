"""Helpers for tests of the pipelines' chart."""

import yaml

from tests.charts.conftest import chart_folder, one, render

CHART = chart_folder("pipelines")
PROGRAMS = yaml.safe_load((CHART / "files" / "jobs.yaml").read_text(encoding="utf-8"))
JUDGE = {"judge": {"url": "http://judge/v1"}, "certificates": {"existingSecret": "keys"}}
# What a job needs in its values besides `enabled`.
NEEDED = {
    "gate": {"args": ["--baseline", "0123456789abcdef#decoder"], "hook": ""},
    "watch": {"schedule": ""},
    "golden": {"schedule": ""},
}
ALL_JOBS = {"jobs": {name: {"enabled": True} | NEEDED.get(name, {}) for name in PROGRAMS}} | JUDGE


def job(name: str, values: dict | None = None, *args: str) -> dict:
    """The Job of this name; the default values have all that it needs."""
    defaults = {"jobs": {"train": {"enabled": False}, name: {"enabled": True} | NEEDED.get(name, {})}} | JUDGE
    return one(render("pipelines", defaults if values is None else values, *args), "Job")


def mounts(pod: dict) -> dict[str, str]:
    """Claim → its mount path."""
    claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}  # fmt: skip
    return {claims[m["name"]]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"] if m["name"] in claims}  # fmt: skip
