"""Signalbox: on-prem language models that say which of their answers may be trusted."""
