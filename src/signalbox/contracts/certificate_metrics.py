"""The metrics of certificates and of what watches them; part of the table in `signalbox.contracts.metrics`.

The assessor exports the state that decides its lights; the jobs `watch` and `golden` export what they measured. A
certificate is named by its key. The verdict is in a-z, 0-9 and hyphens; `any` is a certificate of all verdicts.
"""

from __future__ import annotations

from signalbox.contracts.metric import Metric

_KEY = ("task", "language", "verdict", "route")

# --- assessor ---------------------------------------------------------------------------------------------
CERTIFICATE_STATE = Metric(
    "signalbox_certificate_state",
    "gauge",
    "1 for the state of the newest certificate of a key (certified, suspended, revoked, expired), 0 for the others.",
    (*_KEY, "state"),
)
CERTIFICATE_EXPIRY = Metric(
    "signalbox_certificate_expiry_timestamp_seconds",
    "gauge",
    "Unix time at which the newest certificate of a key expires.",
    _KEY,
)
CERTIFICATE_ISSUED = Metric(
    "signalbox_certificate_issued_timestamp_seconds",
    "gauge",
    "Unix time at which the newest certificate of a key was issued.",
    _KEY,
)
CERTIFICATE_SHOWN_RED = Metric(
    "signalbox_certificate_shown_red_ratio",
    "gauge",
    "Share of the answers of a certificate that are shown red to get their ground truth; 1 during a suspension.",
    _KEY,
)

# --- jobs -------------------------------------------------------------------------------------------------
CERTIFICATE_EVIDENCE = Metric(
    "signalbox_certificate_detector_evidence",
    "gauge",
    "Evidence of the detector that the error has grown; the certificate is revoked from the limit on.",
    _KEY,
)
CERTIFICATE_LIMIT = Metric(
    "signalbox_certificate_detector_limit",
    "gauge",
    "Evidence from which on the detector revokes the certificate.",
    _KEY,
)
CERTIFICATE_LABELS = Metric(
    "signalbox_certificate_labels",
    "gauge",
    "Requested labels since the certificate was issued, by outcome (right, wrong, open).",
    (*_KEY, "outcome"),
)
CERTIFICATE_OLDEST_REQUEST = Metric(
    "signalbox_certificate_oldest_request_timestamp_seconds",
    "gauge",
    "Unix time of the oldest request for a label that is open; absent if none is.",
    _KEY,
)
CERTIFICATE_ERROR = Metric(
    "signalbox_certificate_error_ratio",
    "gauge",
    "Share of wrong answers among the labels since the certificate was issued; absent without labels.",
    _KEY,
)
CERTIFICATE_ERROR_BOUND = Metric(
    "signalbox_certificate_error_bound_ratio",
    "gauge",
    "Bound of the 95 % interval of the share of wrong answers (Clopper and Pearson).",
    (*_KEY, "bound"),
)
CERTIFICATE_EVENTS = Metric(
    "signalbox_certificate_events",
    "counter",
    "Events of all certificates of a key, by action (issue, suspend, restore, revoke, expire).",
    (*_KEY, "action"),
)
_GOLDEN = ("task", "language", "route")
GOLDEN_ROWS = Metric("signalbox_golden_rows", "gauge", "Golden rows that were compared.", _GOLDEN)
GOLDEN_CHANGED = Metric(
    "signalbox_golden_changed",
    "gauge",
    "1 if the answers to the golden rows changed since they were blessed, 0 if not.",
    _GOLDEN,
)
GOLDEN_P_VALUE = Metric(
    "signalbox_golden_p_value_ratio",
    "gauge",
    "Chance of such a difference to the blessed answers if the served path is the same.",
    _GOLDEN,
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
