"""Rules as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Recording:
    """A recording rule. `help` says what its series are, with their labels."""

    record: str
    expr: str
    help: str
    labels: dict[str, str] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """The rule in Prometheus' format."""
        return {"record": self.record, "expr": self.expr} | ({"labels": self.labels} if self.labels else {})


@dataclass(frozen=True)
class Alert:
    """An alert. `board` is the uid of the board that shows its figures."""

    name: str
    expr: str
    hold: str
    severity: Literal["critical", "warning"] | str
    summary: str
    description: str
    board: str

    def entry(self, runbooks_url: str) -> dict[str, Any]:
        """The rule in Prometheus' format, with the URL of its runbook."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.hold,
            "labels": {"severity": self.severity, "part_of": "signalbox"},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks_url.rstrip('/')}/{self.name}.md",
                "dashboard": self.board,
            },
        }


@dataclass(frozen=True)
class Group:
    """Recording rules that are evaluated one after the other."""

    name: str
    rules: tuple[Recording, ...]
    interval: str = ""
