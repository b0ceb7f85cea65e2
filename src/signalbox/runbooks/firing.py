"""Alerts that fire now, from Prometheus."""

from __future__ import annotations

import httpx2

from signalbox.assessor_client import direct_client

_TIMEOUT_SECONDS = 3.0


def firing(url: str) -> dict[str, list[dict[str, str]]] | None:
    """Labels of each firing alert, by its name; None if Prometheus does not answer."""
    try:
        with direct_client(url, _TIMEOUT_SECONDS) as client:
            answer = client.get(f"{url}/api/v1/alerts").raise_for_status().json()
        alerts = [alert["labels"] for alert in answer["data"]["alerts"] if alert["state"] == "firing"]
        by_name: dict[str, list[dict[str, str]]] = {}
        for labels in alerts:
            by_name.setdefault(labels["alertname"], []).append(labels)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, KeyError, TypeError):
        return None
    return by_name
