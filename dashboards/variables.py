"""Values in place of Grafana's variables, for the checks that parse or run a query without Grafana."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
BUILT_IN: Final = {"__rate_interval": "5m", "__range": "6h", "__interval": "1m"}


def filled(expression: str, values: Mapping[str, str] = BUILT_IN, *, missing: str = "1") -> str:
    """The expression with the values of its variables; `missing` is the value of every other one."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], missing), expression)
