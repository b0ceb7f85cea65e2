"""Every Prometheus metric that Signalbox itself exports: name, type, help, labels, unit in the name.

Services and jobs build their collectors from this table; dashboards and alerts import the names.
Counters are listed without the `_total` that the exposition format adds.
"""

from __future__ import annotations

from signalbox.contracts import certificate_metrics, usage_metrics
from signalbox.contracts.metric import Metric

# --- assessor ---------------------------------------------------------------------------------------------
PREDICTIONS = Metric(
    "signalbox_predictions",
    "counter",
    "Predictions by light and reason.",
    ("task", "language", "route", "light", "reason"),
)
PREDICTION_SECONDS = Metric(
    "signalbox_prediction_duration_seconds",
    "histogram",
    "Time from request to answer of a prediction.",
    ("task", "language", "route"),
)
VERDICTS = Metric(
    "signalbox_prediction_verdicts",
    "counter",
    "Predictions by verdict: the label in a-z, 0-9 and hyphens, or neutral; also those that a red light withholds.",
    ("task", "language", "route", "verdict"),
)
SCORE = Metric(
    "signalbox_prediction_score",
    "histogram",
    "How sure verdicts are: the distance of logits from the decision threshold for two labels, the margin of the two "
    "best for more.",
    ("task", "language", "route"),
    buckets=(*(round(0.05 * i, 2) for i in range(1, 21)), 1.5, 2, 3, 4, 6, 8),
)
P_YES = Metric(
    "signalbox_prediction_p_yes",
    "histogram",
    "Predicted probability of yes.",
    ("task", "language", "route"),
    buckets=tuple(round(0.05 * i, 2) for i in range(1, 21)),
)
JUSTIFICATION_LENGTH = Metric(
    "signalbox_justification_length",
    "histogram",
    "Length of justifications, by unit (characters, words, bullets).",
    ("task", "language", "route", "unit"),
    buckets=(0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
FEEDBACK = Metric(
    "signalbox_feedback",
    "counter",
    "Ground truth entries, by agreement with the prediction.",
    ("task", "language", "agreement"),
)
LABEL_REQUESTS = Metric(
    "signalbox_label_requests",
    "counter",
    "Requests for ground truth, by outcome (assigned, label, skip, unjudgeable, undo, shown_red).",
    ("task", "language", "verdict", "outcome"),
)
QUEUE_WAITING = Metric(
    "signalbox_queue_waiting_requests",
    "gauge",
    "Requests for ground truth in the queue that are not answered, by the verdict of their campaign (any: all verdicts).",
    ("task", "language", "route", "verdict"),
)
TOKENS = Metric(
    "signalbox_tokens",
    "counter",
    "Prompt and completion tokens, by direction.",
    ("task", "language", "direction"),
)
HTTP_REQUESTS = Metric(
    "signalbox_http_requests",
    "counter",
    "HTTP requests by method, path and status.",
    ("method", "path", "status"),
)
API_REQUESTS = Metric(
    "signalbox_api_requests",
    "counter",
    "Requests by client of the API key and outcome (accepted, rejected, limited); without a valid key the client is empty.",
    ("client", "outcome"),
)
UPSTREAM_READY = Metric(
    "signalbox_upstream_ready", "gauge", "1 if the upstream answers, 0 if not.", ("upstream",)
)
UPSTREAM_WAITING = Metric(
    "signalbox_upstream_waiting_calls",
    "gauge",
    "Calls to a model that wait for its answer now, by upstream.",
    ("upstream",),
)
UPSTREAM_FAILURES = Metric(
    "signalbox_upstream_call_failures",
    "counter",
    "Calls to a model without a usable answer, by upstream and reason (unavailable, timeout, rejected, unparsable).",
    ("upstream", "reason"),
)
SPOOLED_ROWS = Metric(
    "signalbox_store_spooled_rows", "gauge", "Rows in the local spool that wait for the store."
)
STORE_FAILURES = Metric("signalbox_store_write_failures", "counter", "Failed writes to the record store.")

# --- batch jobs -------------------------------------------------------------------------------------------
_EVAL = ("task", "tier", "language", "route", "release")
EVAL_ACCURACY = Metric(
    "signalbox_evaluation_accuracy_ratio",
    "gauge",
    "Accuracy on the test split; Neutral counts as wrong. The tier is empty in a task without tiers.",
    _EVAL,
)
EVAL_ACCURACY_BOUND = Metric(
    "signalbox_evaluation_accuracy_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the accuracy, over families.",
    (*_EVAL, "bound"),
)
EVAL_BASELINE = Metric(
    "signalbox_evaluation_baseline_ratio",
    "gauge",
    "Accuracy of a baseline on the same rows.",
    ("task", "tier", "language", "baseline"),
)
EVAL_COVERAGE = Metric(
    "signalbox_evaluation_light_coverage_ratio", "gauge", "Share of answers, by light.", (*_EVAL, "light")
)
EVAL_LIGHT_ERROR = Metric(
    "signalbox_evaluation_light_error_ratio", "gauge", "Share of wrong answers, by light.", (*_EVAL, "light")
)
EVAL_BALANCED_ACCURACY = Metric(
    "signalbox_evaluation_balanced_accuracy_ratio", "gauge", "Mean recall of the labels.", _EVAL
)
EVAL_MACRO_F1 = Metric("signalbox_evaluation_macro_f1_ratio", "gauge", "Mean F1 of the labels.", _EVAL)
_EVAL_LABEL = (*_EVAL, "label")
EVAL_LABEL_PRECISION = Metric(
    "signalbox_evaluation_label_precision_ratio",
    "gauge",
    "Share of correct answers among those with a label as verdict.",
    _EVAL_LABEL,
)
EVAL_LABEL_PRECISION_BOUND = Metric(
    "signalbox_evaluation_label_precision_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the precision.",
    (*_EVAL_LABEL, "bound"),
)
EVAL_LABEL_RECALL = Metric(
    "signalbox_evaluation_label_recall_ratio",
    "gauge",
    "Share of correct answers among rows with a label as ground truth.",
    _EVAL_LABEL,
)
EVAL_LABEL_RECALL_BOUND = Metric(
    "signalbox_evaluation_label_recall_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the recall.",
    (*_EVAL_LABEL, "bound"),
)
EVAL_CONFUSION = Metric(
    "signalbox_evaluation_confusion_rows",
    "gauge",
    "Rows by label and verdict; a verdict that the task no longer has is `other`.",
    (*_EVAL_LABEL, "verdict"),
)
EVAL_AUC = Metric(
    "signalbox_evaluation_auc_ratio",
    "gauge",
    "Area under the curve: of the positive label of two, else the mean of each label against the rest.",
    _EVAL,
)
EVAL_BRIER = Metric(
    "signalbox_evaluation_brier_score",
    "gauge",
    "Brier score: of the positive label of two, else summed over the labels.",
    _EVAL,
)
EVAL_ECE = Metric(
    "signalbox_evaluation_ece_ratio",
    "gauge",
    "Expected calibration error: of the probability of the positive label of two, else of the score.",
    _EVAL,
)
EVAL_ECE_FLOOR = Metric(
    "signalbox_evaluation_ece_floor_ratio",
    "gauge",
    "Calibration error that perfect probabilities stay below in 95 % of samples of as many rows.",
    _EVAL,
)
EVAL_LATENCY = Metric(
    "signalbox_evaluation_latency_seconds",
    "gauge",
    "Latency of a prediction, by quantile.",
    (*_EVAL, "quantile"),
)
EVAL_ROWS = Metric("signalbox_evaluation_rows", "gauge", "Rows evaluated.", _EVAL)
_DRIFT = ("task", "language", "route", "release", "column")
DRIFT_DETECTED = Metric(
    "signalbox_drift_detected",
    "gauge",
    "1 if a column of the records drifted, 0 if not; absent if there are too few rows.",
    _DRIFT,
)
DRIFT_P_VALUE = Metric(
    "signalbox_drift_p_value_ratio",
    "gauge",
    "p-value of the drift test, adjusted for all tests of the job.",
    _DRIFT,
)
DRIFT_EFFECT = Metric(
    "signalbox_drift_effect_ratio",
    "gauge",
    "Effect size of the drift, 0 to 1, by measure; an area under the curve of 0.5 means no change.",
    (*_DRIFT, "measure"),
)
DRIFT_ROWS = Metric("signalbox_drift_rows", "gauge", "Rows compared, by window.", (*_DRIFT, "window"))
_JUDGE = ("task", "language", "route", "judge", "criterion")
JUDGE_SCORE = Metric(
    "signalbox_judge_score_ratio",
    "gauge",
    "Mean probability that an answer meets the criterion, by the judge.",
    _JUDGE,
)
JUDGE_VERDICT_MASS = Metric(
    "signalbox_judge_verdict_mass_ratio",
    "gauge",
    "Mean share of the judge's probability on verdict words.",
    _JUDGE,
)
JUDGE_ANSWERS = Metric(
    "signalbox_judge_answers", "gauge", "Answers by outcome of the judge.", (*_JUDGE, "outcome")
)
JUDGE_AGREEMENT = Metric(
    "signalbox_judge_agreement_ratio",
    "gauge",
    "Share of labeled answers where the judge agrees with people's ground truth.",
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
    "Agreement of a judge that always gives the more frequent label.",
    _JUDGE,
)
JUDGE_LABELS = Metric(
    "signalbox_judge_labels",
    "gauge",
    "Answers with ground truth from people that the judge is checked on.",
    _JUDGE,
)
JUDGE_TRUST = Metric(
    "signalbox_judge_trust",
    "gauge",
    "1 for the state of the judge against people's ground truth (trusted, untrusted, inconclusive), 0 for the others.",
    (*_JUDGE, "state"),
)
JUDGE_LABELS_NEEDED = Metric(
    "signalbox_judge_labels_needed",
    "gauge",
    "Labels in total that would decide whether the judge is trusted; absent if it is decided.",
    _JUDGE,
)
LABELS_RESPONSE = Metric(
    "signalbox_labels_response_ratio",
    "gauge",
    "Share of answers with ground truth, by how the label came about (asked, voluntary).",
    ("task", "language", "route", "origin"),
)
LABELS_VOLUNTARY_RIGHT = Metric(
    "signalbox_labels_voluntary_right_ratio",
    "gauge",
    "Share of correct answers among voluntary labels; no estimate of all answers.",
    ("task", "language", "route"),
)
JUDGE_ESTIMATE = Metric(
    "signalbox_judge_estimate_ratio",
    "gauge",
    "Estimated share of correct answers, from labels that were asked for and, if there are enough of them, from the judge.",
    (*_JUDGE, "method"),
)
JUDGE_ESTIMATE_BOUND = Metric(
    "signalbox_judge_estimate_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the estimate.",
    (*_JUDGE, "method", "bound"),
)
JOB_LAST_SUCCESS = Metric(
    "signalbox_job_last_success_timestamp_seconds", "gauge", "Unix time of the job's last success.", ("job",)
)

_HERE = tuple(value for value in globals().values() if isinstance(value, Metric))
ALL: tuple[Metric, ...] = (*_HERE, *certificate_metrics.ALL, *usage_metrics.ALL)
