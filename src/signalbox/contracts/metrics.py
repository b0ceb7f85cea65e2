"""Every Prometheus metric that Signalbox itself exports: name, type, help, labels, unit in the name.

Services and jobs build their collectors from this table, dashboards and alerts import the names.
Counters are listed without the `_total` that the exposition format adds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]

# From a cached encoder answer (1 ms) to a long justification on a CPU (2 min).
LATENCY_BUCKETS_SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
)


@dataclass(frozen=True)
class Metric:
    """One row of the table."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = field(default=LATENCY_BUCKETS_SECONDS)

    def build(self, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
        """Create the collector of this row and register it."""
        if self.kind == "counter":
            return Counter(self.name, self.help, self.labels, registry=registry)
        if self.kind == "gauge":
            return Gauge(self.name, self.help, self.labels, registry=registry)
        return Histogram(self.name, self.help, self.labels, buckets=self.buckets, registry=registry)


# --- assessor ---------------------------------------------------------------------------------------------
PREDICTIONS = Metric(
    "signalbox_predictions",
    "counter",
    "Predictions by what was shown.",
    ("task", "language", "route", "light", "reason"),
)
PREDICTION_SECONDS = Metric(
    "signalbox_prediction_duration_seconds",
    "histogram",
    "Time from request to answer of one prediction.",
    ("task", "language", "route"),
)
P_YES = Metric(
    "signalbox_prediction_p_yes",
    "histogram",
    "Predicted probability of yes.",
    ("task", "language", "route"),
    buckets=tuple(round(0.05 * i, 2) for i in range(1, 21)),
)
FEEDBACK = Metric(
    "signalbox_feedback",
    "counter",
    "Ground truth entered, by whether it agrees with the prediction.",
    ("task", "language", "agreement"),
)
TOKENS = Metric("signalbox_tokens", "counter", "Tokens by direction.", ("task", "language", "direction"))
HTTP_REQUESTS = Metric(
    "signalbox_http_requests", "counter", "HTTP requests by route and status.", ("method", "path", "status")
)
API_REQUESTS = Metric(
    "signalbox_api_requests",
    "counter",
    "Requests by the client of their API key and what became of them; without a known key the client is empty.",
    ("client", "outcome"),
)
UPSTREAM_READY = Metric("signalbox_upstream_ready", "gauge", "1 while the upstream answers.", ("upstream",))
SPOOLED_ROWS = Metric(
    "signalbox_store_spooled_rows", "gauge", "Rows waiting in the local spool because the store refused them."
)
STORE_FAILURES = Metric(
    "signalbox_store_write_failures", "counter", "Writes to the record store that failed."
)

# --- batch jobs -------------------------------------------------------------------------------------------
_EVAL = ("task", "language", "route", "release")
EVAL_ACCURACY = Metric(
    "signalbox_evaluation_accuracy_ratio",
    "gauge",
    "Accuracy on the test split; Neutral counts as wrong.",
    _EVAL,
)
EVAL_ACCURACY_BOUND = Metric(
    "signalbox_evaluation_accuracy_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the accuracy.",
    (*_EVAL, "bound"),
)
EVAL_BASELINE = Metric(
    "signalbox_evaluation_baseline_ratio",
    "gauge",
    "Accuracy of a baseline on the same rows.",
    ("task", "language", "baseline"),
)
EVAL_COVERAGE = Metric(
    "signalbox_evaluation_light_coverage_ratio", "gauge", "Share of answers per light.", (*_EVAL, "light")
)
EVAL_LIGHT_ERROR = Metric(
    "signalbox_evaluation_light_error_ratio", "gauge", "Share of wrong answers per light.", (*_EVAL, "light")
)
EVAL_BRIER = Metric("signalbox_evaluation_brier_score", "gauge", "Brier score of p(yes).", _EVAL)
EVAL_ECE = Metric("signalbox_evaluation_ece_ratio", "gauge", "Expected calibration error of p(yes).", _EVAL)
EVAL_LATENCY = Metric(
    "signalbox_evaluation_latency_seconds",
    "gauge",
    "Latency of one prediction by quantile.",
    (*_EVAL, "quantile"),
)
EVAL_ROWS = Metric("signalbox_evaluation_rows", "gauge", "Rows evaluated.", _EVAL)
_DRIFT = ("task", "language", "route", "release", "column")
DRIFT_DETECTED = Metric(
    "signalbox_drift_detected",
    "gauge",
    "1 where a column of the records has drifted, 0 where no drift was seen; none where rows are too few to say.",
    _DRIFT,
)
DRIFT_P_VALUE = Metric(
    "signalbox_drift_p_value_ratio",
    "gauge",
    "p-value of the test for drift, adjusted for all tests of the job.",
    _DRIFT,
)
DRIFT_EFFECT = Metric(
    "signalbox_drift_effect_ratio",
    "gauge",
    "Size of a drift, 0 to 1, by its measure; the area under the curve is 0.5 where nothing has changed.",
    (*_DRIFT, "measure"),
)
DRIFT_ROWS = Metric(
    "signalbox_drift_rows", "gauge", "Rows compared, of the reference and of late.", (*_DRIFT, "window")
)
_JUDGE = ("task", "language", "route", "judge", "criterion")
JUDGE_SCORE = Metric(
    "signalbox_judge_score_ratio",
    "gauge",
    "Mean of the judge's probability that an answer meets a criterion.",
    _JUDGE,
)
JUDGE_VERDICT_MASS = Metric(
    "signalbox_judge_verdict_mass_ratio",
    "gauge",
    "Mean share of the judge's probability that lies on verdict words.",
    _JUDGE,
)
JUDGE_ANSWERS = Metric(
    "signalbox_judge_answers", "gauge", "Answers by whether the judge gave a verdict.", (*_JUDGE, "outcome")
)
JUDGE_AGREEMENT = Metric(
    "signalbox_judge_agreement_ratio",
    "gauge",
    "Share of labelled answers where the judge says the same as people's ground truth.",
    _JUDGE,
)
JUDGE_AGREEMENT_BOUND = Metric(
    "signalbox_judge_agreement_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the agreement.",
    (*_JUDGE, "bound"),
)
JUDGE_AGREEMENT_BASELINE = Metric(
    "signalbox_judge_agreement_baseline_ratio",
    "gauge",
    "Agreement of a judge that always says what is more frequent.",
    _JUDGE,
)
JUDGE_LABELS = Metric(
    "signalbox_judge_labels", "gauge", "Judged answers that people gave ground truth for.", _JUDGE
)
JUDGE_ESTIMATE = Metric(
    "signalbox_judge_estimate_ratio",
    "gauge",
    "Estimated share of right answers, from labels and, where they are enough, from the judge too.",
    (*_JUDGE, "method"),
)
JUDGE_ESTIMATE_BOUND = Metric(
    "signalbox_judge_estimate_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of that estimate.",
    (*_JUDGE, "method", "bound"),
)
JOB_LAST_SUCCESS = Metric(
    "signalbox_job_last_success_timestamp_seconds", "gauge", "Unix time of the job's last success.", ("job",)
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
