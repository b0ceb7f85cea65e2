"""Requests for ground truth: which answers people are asked about, what their entries say, and what is still missing.

`sampling_of` sets the chance in the zone of a campaign, `requests_of` draws the answers, `requested_labels` is what a certificate reads,
and `price_of` says how many more labels make which share green. All pure; rows are in `store.requests`.
"""

from signalbox.requests.agreement import Agreement, agreement_of
from signalbox.requests.labels import RequestedLabel, labels_of_campaign, requested_labels, settled
from signalbox.requests.price import Price, price_of
from signalbox.requests.sampling import requests_of, sampling_of

__all__ = [
    "Agreement",
    "Price",
    "RequestedLabel",
    "agreement_of",
    "labels_of_campaign",
    "price_of",
    "requested_labels",
    "requests_of",
    "sampling_of",
    "settled",
]
