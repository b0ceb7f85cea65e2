"""Variables and matchers that boards share."""

from __future__ import annotations

from dashboards import promql
from dashboards.panel import Variable
from signalbox.contracts import metrics

INTERVAL = "$__rate_interval"
WHERE = 'namespace=~"$namespace"'
TASK = 'task=~"$task",language=~"$language"'
ANSWERS = f"{WHERE},{TASK}"
SERVICE = f'{WHERE},service=~"$service"'

NAMESPACE = Variable(
    "namespace", "Namespace", f"label_values({promql.series(metrics.UPSTREAM_READY)}, namespace)"
)
TASK_NAME = Variable("task", "Task", f"label_values({promql.series(metrics.PREDICTIONS, WHERE)}, task)")
LANGUAGE = Variable(
    "language", "Language", f"label_values({promql.series(metrics.PREDICTIONS, WHERE)}, language)"
)
OF_ANSWERS = (NAMESPACE, TASK_NAME, LANGUAGE)
