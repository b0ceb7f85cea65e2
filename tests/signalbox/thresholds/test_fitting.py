"""Fitting cut-offs on calibration rows, and keeping them one file a release."""

import itertools
import json
import math
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.labels import NO, YES
from signalbox.contracts.record import ModelRelease
from signalbox.errors import InputError
from signalbox.thresholds import (
    MINIMUM_ROWS,
    UNCALIBRATED,
    Stage,
    ThresholdFile,
    digest_of,
    fewest_rows,
    fit_binary,
    load,
    path_for,
    save,
)

RELEASE = ModelRelease(name="SmolLM2", revision="sha256:1", engine="llama.cpp", quantization="Q4_1")

# Few distinct values make ties; any float makes neighbours that rounding may swap.
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.5000001, 0.75, 1.0]), st.floats(0.0, 1.0))


@st.composite
def calibrations(draw) -> tuple[list[float], list[bool]]:
    """Enough rows with both labels."""
    rows = draw(st.lists(st.tuples(PROBABILITIES, st.booleans()), min_size=MINIMUM_ROWS - 2, max_size=60))
    rows += [(draw(PROBABILITIES), True), (draw(PROBABILITIES), False)]
    return [p for p, _ in rows], [label for _, label in rows]


def balanced_accuracy(p_yes, labels, decision) -> float:
    """Mean of the recall of both classes at a cut-off."""
    recalls = []
    for verdict in (True, False):
        of_class = [p for p, label in zip(p_yes, labels, strict=True) if label is verdict]
        recalls.append(sum((p >= decision) is verdict for p in of_class) / len(of_class))
    return sum(recalls) / 2


def separable(gap=(0.4, 0.6), rows=10):
    """Rows that one cut-off separates."""
    no = [gap[0] * i / (rows - 1) for i in range(rows)]
    yes = [gap[1] + (1 - gap[1]) * i / (rows - 1) for i in range(rows)]
    return no + yes, [False] * rows + [True] * rows


def test_separable_rows_are_cut_in_the_middle_of_the_gap():
    fitted = fit_binary(*separable((0.1, 0.3)))
    assert fitted.decision == pytest.approx(0.2)
    assert (fitted.verdicts[NO].confident, fitted.verdicts[YES].confident) == (
        pytest.approx(0.1),
        pytest.approx(0.3),
    )
    assert fitted.verdicts[NO].unclear == fitted.verdicts[YES].unclear == fitted.decision
    assert fitted.rows == 20


def test_a_shifted_model_gets_a_shifted_decision():
    """SmolLM2 says no too often: half is not the place to cut."""
    p_yes, labels = separable((0.02, 0.05))
    assert fit_binary(p_yes, labels).decision == pytest.approx(0.035)


def test_errors_in_the_middle_are_outside_the_confident_zones():
    p_yes = [0.05] * 10 + [0.45] * 6 + [0.55] * 6 + [0.95] * 10
    labels = [False] * 10 + [True, True, False, False, False, False] + [True] * 4 + [False] * 2 + [True] * 10
    fitted = fit_binary(p_yes, labels, target_error=0.1)
    assert (fitted.verdicts[NO].confident, fitted.verdicts[YES].confident) == (0.05, 0.95)


def test_no_confident_zone_when_even_the_ends_are_wrong():
    p_yes = [0.0] * 10 + [1.0] * 10
    labels = [False] * 7 + [True] * 3 + [True] * 7 + [False] * 3
    fitted = fit_binary(p_yes, labels, target_error=0.1)
    assert (fitted.verdicts[NO].confident, fitted.verdicts[YES].confident) == (None, None)


def test_a_constant_model_is_unclear_where_it_answers():
    fitted = fit_binary([0.3] * 20, [True, False] * 10)
    assert fitted.verdicts[NO].unclear < 0.3 < fitted.verdicts[YES].unclear


def test_whole_ties_decide_whether_a_zone_is_unclear():
    """One wrong and two right at the same place are better than a guess."""
    p_yes = [0.4] * 3 + [0.6] * 3 + [0.0] * 10 + [1.0] * 10
    labels = [False, False, True, True, True, False] + [False] * 10 + [True] * 10
    fitted = fit_binary(p_yes, labels)
    assert fitted.verdicts[NO].unclear == fitted.verdicts[YES].unclear


@pytest.mark.parametrize(
    ("p_yes", "labels"),
    [
        ([0.5] * 19, [True, False] * 9 + [True]),
        ([0.5] * 20, [True] * 20),
        ([0.5] * 20, [False] * 20),
        ([], []),
        ([0.5] * 20, [True, False]),
        ([math.nan] + [0.5] * 19, [True, False] * 10),
        ([1.5] + [0.5] * 19, [True, False] * 10),
        ([-0.1] + [0.5] * 19, [True, False] * 10),
    ],
)
def test_what_cannot_be_fitted_is_rejected(p_yes, labels):
    with pytest.raises(ValueError, match=r"needs|probabilities|between"):
        fit_binary(p_yes, labels)


@given(calibrations())
def test_no_cut_between_rows_is_better(rows):
    p_yes, labels = rows
    fitted = fit_binary(p_yes, labels)
    ordered = sorted(set(p_yes))
    best = max((balanced_accuracy(p_yes, labels, cut) for cut in ordered[1:]), default=0.5)
    assert balanced_accuracy(p_yes, labels, fitted.decision) == pytest.approx(best)


@pytest.mark.parametrize(
    ("target", "rows"), [(0.1, 10), (0.05, 20), (0.0, MINIMUM_ROWS), (5e-324, sys.maxsize)]
)
def test_a_zone_needs_as_many_rows_as_one_error_may_be_of(target, rows):
    assert fewest_rows(target) == rows


@given(calibrations(), st.floats(0.0, 0.4))
def test_confident_zones_keep_the_target_and_cannot_be_larger(rows, target):
    p_yes, labels = rows
    fitted = fit_binary(p_yes, labels, target)
    pairs = list(zip(p_yes, labels, strict=True))

    def error(subset: list[tuple[float, bool]], verdict: bool) -> float:
        return sum(label is not verdict for _, label in subset) / len(subset)

    for verdict, bound in ((True, fitted.verdicts[YES].confident), (False, fitted.verdicts[NO].confident)):
        side = [(p, label) for p, label in pairs if (p >= fitted.decision) is verdict]
        inside = [] if bound is None else [(p, y) for p, y in side if (p >= bound if verdict else p <= bound)]
        assert bound is None or (error(inside, verdict) <= target and len(inside) >= fewest_rows(target))
        for further in {p for p, _ in side}:
            if bound is None or (further < bound if verdict else further > bound):
                larger = [(p, y) for p, y in side if (p >= further if verdict else p <= further)]
                assert error(larger, verdict) > target or len(larger) < fewest_rows(target)


def test_a_zone_needs_ten_rows_at_a_target_of_ten_percent():
    """One right row at the end would be a zone of error 0, whatever the model knows."""
    few = [0.1] * 20 + [0.9] * 9, [False] * 20 + [True] * 9
    assert fit_binary(*few).verdicts[YES].confident is None
    assert fit_binary(*few).verdicts[NO].confident == 0.1
    enough = [0.1] * 20 + [0.9] * 10, [False] * 20 + [True] * 10
    assert fit_binary(*enough).verdicts[YES].confident == 0.9


def test_a_model_that_knows_nothing_rarely_gets_a_zone():
    """Of 80 rows, with labels that do not depend on p: 77 % of the fits had a zone when one row was enough."""
    rng = random.Random(0)
    zones = 0
    for _ in range(200):
        rows = [rng.random() for _ in range(80)], [rng.random() < 0.5 for _ in range(80)]
        zones += any(cuts.confident is not None for cuts in fit_binary(*rows).verdicts.values())
    assert zones <= 20


@given(calibrations())
def test_zones_lie_on_their_sides(rows):
    fitted = fit_binary(*rows)
    assert 0.0 <= fitted.verdicts[NO].unclear <= fitted.decision <= fitted.verdicts[YES].unclear <= 1.0
    assert fitted.verdicts[YES].confident is None or fitted.verdicts[YES].confident >= fitted.decision
    assert fitted.verdicts[NO].confident is None or fitted.verdicts[NO].confident < fitted.decision


@given(calibrations())
def test_the_unclear_zone_is_no_better_than_a_guess(rows):
    p_yes, labels = rows
    fitted = fit_binary(p_yes, labels)
    low, high = fitted.verdicts[NO].unclear, fitted.verdicts[YES].unclear
    # A zone is cut off at 0 and 1, where the rows on the end belong to it all the same.
    inside = [
        (p, y)
        for p, y in zip(p_yes, labels, strict=True)
        if low < high and (p > low or low == 0.0) and (p < high or high == 1.0)
    ]
    assert sum((p >= fitted.decision) is y for p, y in inside) <= len(inside) / 2


@given(calibrations(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(rows, rng):
    pairs = list(zip(*rows, strict=True))
    shuffled = rng.sample(pairs, len(pairs))
    assert fit_binary([p for p, _ in shuffled], [y for _, y in shuffled]) == fit_binary(*rows)


def a_file(release=RELEASE, task="medical") -> ThresholdFile:
    return ThresholdFile(task=task, release=release, languages={"en": fit_binary(*separable())})


def test_what_is_saved_is_loaded(tmp_path):
    path = save(tmp_path / "new", a_file())
    assert load(tmp_path / "new", "medical", RELEASE) == a_file()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_another_release_or_task_is_uncalibrated(tmp_path):
    save(tmp_path, a_file())
    for changed in (
        {"revision": "sha256:2"},
        {"quantization": "Q8_0"},
        {"engine": "vllm"},
        {"name": "other"},
    ):
        assert load(tmp_path, "medical", RELEASE.model_copy(update=changed)) is None
    assert load(tmp_path, "legal", RELEASE) is None
    assert load(tmp_path / "nowhere", "medical", RELEASE) is None


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b:c", "x" * 500, "Ünï", "", "..", "a b"])
def test_any_served_name_makes_a_file_inside_the_folder(tmp_path, name):
    release = RELEASE.model_copy(update={"name": name})
    path = save(tmp_path, a_file(release))
    assert path.parent == tmp_path
    assert load(tmp_path, "medical", release) == a_file(release)


def test_releases_never_share_a_file(tmp_path):
    names = ["a/b", "a-b", "a b", "x" * 100, "x" * 101]
    paths = {path_for(tmp_path, "medical", RELEASE.model_copy(update={"name": name})) for name in names}
    assert len(paths) == len(names)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"null", b'{"task":"medical"}'])
def test_a_broken_file_is_named(tmp_path, content):
    path = path_for(tmp_path, "medical", RELEASE)
    path.write_bytes(content)
    with pytest.raises(InputError, match="calibrate again"):
        load(tmp_path, "medical", RELEASE)


def test_a_file_of_another_release_under_this_name_is_rejected(tmp_path):
    other = RELEASE.model_copy(update={"revision": "sha256:2"})
    save(tmp_path, a_file()).rename(path_for(tmp_path, "medical", other))
    with pytest.raises(InputError, match=r"belongs to .*, not to "):
        load(tmp_path, "medical", other)


@pytest.mark.parametrize("field", ["decision", "verdicts", "rows", "target_error"])
def test_a_file_with_a_value_out_of_range_is_rejected(tmp_path, field):
    path = save(tmp_path, a_file())
    content = json.loads(path.read_text())
    content["languages"]["en"][field] = -1
    path.write_text(json.dumps(content))
    with pytest.raises(InputError):
        load(tmp_path, "medical", RELEASE)


def test_separable_rows_of_many_shapes():
    for low, high in itertools.pairwise([0.0, 0.1, 0.5, 0.500001, 0.9, 1.0]):
        fitted = fit_binary(*separable((low, high)))
        assert low < fitted.decision <= high


def test_a_route_of_two_models_has_a_file_of_its_own(tmp_path):
    """The later model gets the hard texts, so its thresholds of all texts keep no promise there."""
    first = RELEASE.model_copy(update={"name": "first"})
    stage = Stage(release=first, digests={"en": "aa"})
    file = a_file().model_copy(update={"route": "cascade", "earlier": (stage,)})
    alone = save(tmp_path, a_file())
    assert save(tmp_path, file) != alone
    assert load(tmp_path, "medical", RELEASE) == a_file()
    assert load(tmp_path, "medical", RELEASE, route="cascade", earlier=[first]) == file
    other = first.model_copy(update={"revision": "r2"})
    assert load(tmp_path, "medical", RELEASE, route="cascade", earlier=[other]) is None


def test_a_file_without_earlier_models_keeps_its_name_and_serves_every_route(tmp_path):
    """Files of earlier versions are of this kind."""
    assert path_for(tmp_path, "medical", RELEASE, route="decoder") == path_for(tmp_path, "medical", RELEASE)


def test_a_file_fits_only_the_thresholds_that_it_was_fitted_after(tmp_path):
    cuts, other = fit_binary(*separable()), fit_binary(*separable(), 0.2)
    stage = Stage(release=RELEASE, digests={"en": digest_of([cuts]), "de": UNCALIBRATED})
    file = a_file().model_copy(update={"route": "cascade", "earlier": (stage,)})
    assert file.fits("en", [cuts])
    assert not file.fits("en", [other])
    assert not file.fits("en", [None])
    assert file.fits("de", [None])
    assert a_file().fits("en", [])
