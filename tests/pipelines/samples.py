"""Samples of two windows, drawn independently: p(yes) ~ Beta(2, 3), verdict and light by cut-offs, lengths lognormal."""

from __future__ import annotations

import numpy as np

from pipelines.classes import YES_NO
from pipelines.drift.comparison import Comparison, compare
from pipelines.samples import Sample
from pipelines.windows import ALL, Group, Pair
from signalbox.contracts.record import text_sha256
from signalbox.store.compared import input_key


def key_of(text: str) -> int:
    """The key of a text as the reader has it."""
    return input_key(text_sha256(text)) % 2**64


def draw_sample(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Sample:
    """One window, without texts; `shift` is added to p(yes), up to 1."""
    p_yes = [float(p) for p in np.minimum(1.0, rng.beta(2, 3, rows) + shift)]
    sample = Sample()
    sample.fill("output", p_yes)
    sample.fill("verdict", ["yes" if p >= 0.4 else "no" for p in p_yes])
    sample.fill(
        "candidate_light",
        ["green" if abs(p - 0.4) > 0.35 else "red" if abs(p - 0.4) < 0.02 else "yellow" for p in p_yes],
    )
    sample.fill("input_characters", [int(n) for n in rng.lognormal(4.5, 0.5, rows)])
    return sample


def compare_windows(reference: Sample, current: Sample, alpha: float = 0.05) -> list[Comparison]:
    """All columns of one release and of the input."""
    pair = Pair(reference, current)
    return compare(YES_NO, {Group("decoder", "en", ALL): pair, Group("decoder", "en", "m"): pair}, alpha)
