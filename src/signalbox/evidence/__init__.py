"""Evidence: which part of the input carries a verdict. `measure` queries a model, everything else is pure."""

from signalbox.evidence.measure import Evidence, Verdicts, measure, query_each, query_many
from signalbox.evidence.plan import Part, Question, parts_of, without
from signalbox.evidence.spans import Span, sentences, word_groups

__all__ = [
    "Evidence",
    "Part",
    "Question",
    "Span",
    "Verdicts",
    "measure",
    "parts_of",
    "query_each",
    "query_many",
    "sentences",
    "without",
    "word_groups",
]
