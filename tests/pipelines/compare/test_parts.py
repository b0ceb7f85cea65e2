"""Parts of a comparison: rows, cuts, energy, the bill of quantizations, and evaluations that are there already."""

import pytest

from pipelines.classes import YES_NO
from pipelines.compare.bill import Flip, bills
from pipelines.compare.models.energy import Meter, find_meter
from pipelines.compare.models.journal import Reply
from pipelines.compare.models.references import replies_of
from pipelines.compare.rows import limited, load_cells, row_key
from pipelines.compare.scoring import score, verdict_of
from pipelines.compare.table import markdown, notes, resources
from signalbox.contracts.labels import ABSTAIN, NEUTRAL, YES
from signalbox.errors import SetupError
from signalbox.tasks import load_task
from tests.pipelines.compare.chat_server import rows, task_of
from tests.pipelines.compare.samples import MEBIBYTE, cell, comparison, entry, example, replies
from tests.pipelines.compare.samples import rows as family_rows


def test_a_limit_takes_rows_of_as_many_families_as_possible():
    chosen = limited(family_rows(120, "test"), 5)
    assert len(chosen) == 10
    assert len({row.family for row in chosen}) == 10
    assert {row.id for row in chosen} < {row.id for row in limited(family_rows(120, "test"), 8)}


def test_tiers_and_languages_are_cells_of_their_own(tmp_path):
    data = [
        row
        for tier in ("everyday", "hard")
        for split, count in (("test", 10), ("calibration", 6), ("few-shot", 4))
        for row in rows(count, split, tier=tier)
    ]
    task = load_task(task_of(tmp_path, data))
    cells = load_cells(task)
    assert [one.name for one in cells] == ["everyday.en", "hard.en"]
    assert [(len(one.test), len(one.calibration), len(one.learning)) for one in cells] == [(10, 6, 4)] * 2
    assert [one.name for one in load_cells(task, tiers=["hard"])] == ["hard.en"]


def test_two_rows_of_one_text_share_an_answer_and_two_languages_do_not():
    row = family_rows(1, "test")[0]
    assert row_key(row) == row_key(row.model_copy(update={"id": "other", "label": "yes"}))
    assert row_key(row) != row_key(row.model_copy(update={"language": "de"}))


def test_the_cut_comes_from_the_calibration_rows_alone():
    one = cell()
    answers = replies(one, lambda n: True)
    shifted = {
        key: reply.model_copy(update={"stated": "no", "probabilities": {"yes": p, "no": 1 - p}})
        for key, reply in answers.items()
        for p in [0.4 if reply.stated == "yes" else 0.2]
    }
    calibrated = score(one, shifted, YES_NO)
    assert calibrated.cut.decision == pytest.approx(0.3)
    assert calibrated.accuracy == calibrated.calibration_accuracy == 1.0
    test_keys = {row_key(row) for row in one.test}
    without = {key: reply for key, reply in shifted.items() if key[0] in test_keys}
    assert score(one, without, YES_NO).accuracy == 0.5


def test_a_neutral_answer_and_a_missing_one_are_wrong_and_noted():
    one = cell(test=12)
    answers = replies(one, lambda n: True)
    first, second = ((row_key(row), 0) for row in one.test[:2])
    answers[first] = answers[first].model_copy(update={"stated": "neutral"})
    del answers[second]
    scored = score(one, answers, YES_NO)
    assert sum(scored.right) == 10
    assert scored.verdicts[:2] == (("neutral",), ())
    assert scored.notes == (
        "1 test row without an answer, counted as wrong",
        "1 neutral answer, counted as wrong",
    )


def test_a_reply_without_probabilities_is_what_it_states():
    reply = Reply(row="r", repeat=0, stated="yes", probabilities=None, seconds=0.1)
    assert verdict_of(reply, None) == "yes"


def test_baselines_answer_like_models():
    one = cell()
    majority = score(one, replies_of("majority", one, YES_NO), YES_NO)
    assert majority.accuracy == 0.5
    tfidf = score(one, replies_of("tfidf", one, YES_NO), YES_NO)
    assert tfidf.calibration_accuracy is not None
    assert len(tfidf.seconds) == 120


# --- energy -----------------------------------------------------------------------------------------------


def rapl(folder, name, value, limit=1_000_000):
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{value}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{limit}\n")


def test_the_joules_of_all_packages_are_summed_and_parts_are_not_counted_twice(tmp_path):
    for name, value in (("intel-rapl:0", 100_000), ("intel-rapl:1", 900_000), ("intel-rapl:0:0", 5)):
        rapl(tmp_path, name, value)
    meter = find_meter(rapl=tmp_path)
    meter.sample()
    rapl(tmp_path, "intel-rapl:0", 400_000)
    rapl(tmp_path, "intel-rapl:1", 100_000)  # started again from 0
    rapl(tmp_path, "intel-rapl:0:0", 500_000)
    meter.sample()
    assert meter.joules == pytest.approx(0.3 + 0.2)
    assert "RAPL" in meter.source


def test_without_readable_counters_nothing_is_measured(tmp_path):
    assert find_meter(rapl=tmp_path) is None


def test_a_url_that_is_no_exporter_is_an_error():
    with pytest.raises(SetupError, match="does not answer"):
        find_meter("http://127.0.0.1:9/metrics")


def test_a_meter_counts_from_its_first_sample():
    values = iter([{"gpu": (5.0, None)}, {"gpu": (7.5, None)}])
    meter = Meter("DCGM", lambda: next(values))
    meter.sample()
    assert meter.joules == 0
    meter.sample()
    assert meter.joules == 2.5


# --- tables and bill --------------------------------------------------------------------------------------


def test_the_bill_names_flips_loss_and_bytes():
    one = cell(test=120)
    large = entry("q8", [one], lambda n: True, size=200 * MEBIBYTE, quantization="Q8_0", model="toy")
    small = entry("q4", [one], lambda n: n % 12 > 0, size=100 * MEBIBYTE, quantization="Q4_K_M", model="toy")
    other = entry("other", [one], lambda n: True)
    [bill] = bills(comparison([large, small, other], [one]))
    assert (bill.larger, bill.smaller, bill.bytes_saved) == ("q8", "q4", 100 * MEBIBYTE)
    [loss] = bill.losses
    assert len(loss.flips) == 10
    assert not any(flip.gained for flip in loss.flips)
    assert loss.difference == pytest.approx(10 / 120)
    assert loss.interval[0] < loss.difference < loss.upper < loss.interval[1]


def test_neutral_is_the_right_verdict_of_a_flip_on_a_row_that_is_none_of_the_labels():
    row = cell().test[0].model_copy(update={"label": ABSTAIN})
    better, worse = Flip(row, YES, NEUTRAL), Flip(row, NEUTRAL, YES)
    assert (better.gained, better.lost) == (True, False)
    assert (worse.gained, worse.lost) == (False, True)


def test_what_is_not_known_is_left_out_and_said():
    one = cell()
    table = comparison([entry("a", [one], lambda n: True)], [one], skipped={"big": "needs 40 GiB."})
    assert resources(table)[0] == ["model", "p50 ms", "p95 ms", "size MiB"]
    assert notes(table) == [
        "big was skipped: needs 40 GiB.",
        "Energy: not measured (no readable RAPL, no DCGM).",
        "Cost: left out, because no price was given (--price-per-hour).",
    ]


def test_cost_is_that_of_the_machine_for_a_thousand_answers():
    one = cell()
    assert entry("a", [one], lambda n: True, seconds=3.6).cost_per_1k(0.5) == pytest.approx(0.5)
    assert entry("a", [one], lambda n: True).cost_per_1k(None) is None


def test_the_markdown_has_a_table_for_each_cell_and_no_pooled_figure():
    text = markdown(example())
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## everyday, de",
        "## everyday, en",
        "## hard, de",
        "## hard, en",
        "## Resources",
    ]
    assert "all languages" not in text
    assert "| qwen2.5-coder-1.5b | 0.97 (" in text
