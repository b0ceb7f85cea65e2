"""Helpers for tests of the assessor's chart."""

from tests.charts.conftest import one, pod_of, render


def deployment(values: dict | None = None) -> dict:
    """The assessor's Deployment."""
    return one(render("assessor", values), "Deployment", "x-assessor")


def container(values: dict | None = None) -> dict:
    """The container that runs the assessor."""
    return pod_of(deployment(values))["containers"][0]


def variables(container: dict) -> dict[str, str | None]:
    """Variable of a container → its value, None if it comes from a Secret."""
    return {item["name"]: item.get("value") for item in container["env"]}
