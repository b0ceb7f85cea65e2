"""Which rows an evaluation takes, and which it keeps apart."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.classes import YES_NO
from pipelines.evaluate.summary import summarize
from pipelines.strata import Stratum, select_rows, strata_of
from signalbox.tasks import evaluation_rows, load_all, load_task
from tests.helpers import record
from tests.pipelines.evaluations import BASELINES
from tests.pipelines.world import row

MEDICAL = load_task(Path("tasks/medical"))


@pytest.mark.parametrize(("limit", "families"), [(4, 8), (8, 16), (16, 16)])
def test_a_limit_takes_as_many_families_as_it_can(limit, families):
    """The first rows of the file are all of one family at a limit of 4; a family of the hard tier has both labels."""
    rows = select_rows(evaluation_rows(MEDICAL, "hard"), limit)
    english = [one for one in rows if one.language == "en"]
    assert Counter(one.label for one in english) == {"yes": limit, "no": limit}
    assert len({one.family for one in english}) >= min(families, limit)


@given(st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.integers(0, 3)), max_size=20), st.integers(1, 5))
def test_a_limit_keeps_the_order_and_takes_no_more_than_it_says(pairs, limit):
    rows = [
        row(i, label, "x").model_copy(update={"family": f"{label} {family}"})
        for i, (label, family) in enumerate(pairs)
    ]
    chosen = select_rows(rows, limit)
    assert [one.id for one in chosen] == [one.id for one in rows if one in chosen]
    for label in ("yes", "no"):
        here = [one for one in rows if one.label == label]
        taken = [one for one in chosen if one.label == label]
        assert len(taken) == min(limit, len(here))
        assert len({one.family for one in taken}) == min(limit, len({one.family for one in here}))
    assert select_rows(rows, None) == rows


def test_tiers_and_languages_are_strata_in_their_order():
    assert [one.name for one in strata_of(load_all(MEDICAL))] == [
        "everyday.de",
        "everyday.en",
        "hard.de",
        "hard.en",
    ]
    assert Stratum(None, "en").name == Stratum(None, "en").title == "en"


def test_the_interval_of_a_summary_is_over_families():
    """Eight families of four rows that agree: eight pieces of evidence, not 32."""
    verdicts = [["yes"] * 4, ["no"] * 4] * 6
    records = [record(f"{i}-{j}", verdict=v) for i, four in enumerate(verdicts) for j, v in enumerate(four)]
    families = [place // 4 for place in range(len(records))]
    stratum = Stratum("hard", "en")
    apart = summarize(records, ["yes"] * 48, BASELINES, YES_NO, stratum)
    together = summarize(records, ["yes"] * 48, BASELINES, YES_NO, stratum, families)
    assert (apart.families, together.families) == (48, 12)
    assert together.accuracy == apart.accuracy == 0.5
    assert together.interval[1] - together.interval[0] > 1.6 * (apart.interval[1] - apart.interval[0])
    recall, alone = together.labels["yes"].recall_interval, apart.labels["yes"].recall_interval
    assert recall[1] - recall[0] > 1.6 * (alone[1] - alone[0])
