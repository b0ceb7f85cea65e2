"""The boards, one module each: its queries as functions, and its rows."""

from __future__ import annotations

from dashboards.boards import answers, gpu, jobs, servers, service, trust
from dashboards.panel import Board


def boards() -> tuple[Board, ...]:
    """All boards, in the order of their links."""
    return trust.board(), answers.board(), service.board(), servers.board(), gpu.board(), jobs.board()
