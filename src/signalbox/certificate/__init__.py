"""Certificates of green: from labels that were asked for at random to a threshold that holds at any time.

`certify` and `certify_by_verdict` are the procedure on plain sequences or arrays; `make_plan` says where to ask.
"""

from signalbox.certificate.certify import certify, certify_by_verdict
from signalbox.certificate.planning import Plan, make_plan

__all__ = ["Plan", "certify", "certify_by_verdict", "make_plan"]
