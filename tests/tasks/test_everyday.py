"""The tier everyday of tasks/medical keeps what docs/reference/data.md promises."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import get_args

import pytest
import yaml

from signalbox.contracts.record import LabeledText, Tier
from signalbox.tasks import Split, load_data, load_task
from tools.shortcuts import length_accuracy, near_duplicates, passages, sentences, similarity

MEDICAL = load_task(Path("tasks/medical"))
ROWS = load_data(MEDICAL, tier="everyday")
ALL_ROWS = [row for tier in get_args(Tier) for row in load_data(MEDICAL, tier=tier)]
LANGUAGES = ("en", "de")
SPLITS = get_args(Split)
LEAST = {"few-shot": 5, "pool": 60, "calibration": 35, "test": 60}
LENGTH_LIMIT = 0.60
NEAR = 0.30
HARD_DIGEST = "4c7bba16d38f8c97b043c6320ca12ce6c23c13d8ae1c9f9bc6fef42de63360ff"
NEGATION = re.compile(
    r"\b(not|no|nothing|none|neither|nor|never|nobody|without|cannot"
    r"|nicht|kein\w*|nie|weder|ohne|nichts|niemand)\b",
    re.IGNORECASE,
)


def part(language: str, split: str) -> list[LabeledText]:
    return [row for row in ROWS if (row.language, row.split) == (language, split)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_enough_sentences_of_each_label(language: str, split: str) -> None:
    counts = Counter(row.label for row in sentences(part(language, split)))
    assert counts["yes"] == counts["no"] >= LEAST[split]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_at_least_160_sentences_of_each_label(language: str) -> None:
    counts = Counter(row.label for row in sentences(ROWS) if row.language == language)
    assert min(counts["yes"], counts["no"]) >= 160


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", SPLITS)
def test_length_does_not_give_the_label_away_in_any_split(language: str, split: str) -> None:
    rows = part(language, split)
    for group in filter(None, (sentences(rows), passages(rows))):
        assert length_accuracy(group) <= LENGTH_LIMIT + 1e-9


def test_a_family_has_one_label_and_two_to_four_sentences_a_language() -> None:
    families = defaultdict(list)
    for row in sentences(ROWS):
        if row.split != "few-shot":
            families[row.family].append(row)
    for name, rows in families.items():
        assert len({row.label for row in rows}) == 1, name
        assert all(2 <= count <= 4 for count in Counter(row.language for row in rows).values()), name
    for split in ("pool", "calibration", "test"):
        labels = Counter(rows[0].label for rows in families.values() if rows[0].split == split)
        assert labels["yes"] == labels["no"]


def test_a_topic_has_families_of_both_labels() -> None:
    """Otherwise a word of the topic, such as the name of another payer, would be the label."""
    labels = defaultdict(set)
    for split in ("pool", "calibration", "test"):
        text = Path(f"tasks/medical/everyday/{split}.yaml").read_text(encoding="utf-8")
        for family in yaml.safe_load(text):
            labels[split, family["topic"]].add(family["label"])
    assert all(names == {"yes", "no"} for names in labels.values())


def test_no_near_duplicate_crosses_a_split() -> None:
    """Rows of the tier hard count as well: a model may learn from both tiers."""
    pairs = list(near_duplicates(ALL_ROWS, NEAR))
    assert not [(value, a.id, b.id) for value, a, b in pairs if "everyday" in (a.tier, b.tier)]


def test_no_text_appears_in_the_prompt() -> None:
    """A decoder would be measured on its own few-shot turns."""
    for language in LANGUAGES:
        turns = [turn.text for turn in MEDICAL.language(language).turns]
        rows = [row for row in ROWS if row.language == language and row.split != "few-shot"]
        assert not [row.id for row in rows for turn in turns if similarity(row.text, turn) >= NEAR]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", ["yes", "no"])
def test_both_labels_are_written_with_and_without_negation(language: str, label: str) -> None:
    rows = [row for row in sentences(ROWS) if (row.language, row.label) == (language, label)]
    share = sum(bool(NEGATION.search(row.text)) for row in rows) / len(rows)
    assert 0.25 <= share <= 0.75


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_passages_in_the_test_split(language: str) -> None:
    rows = [row for row in passages(ROWS) if row.language == language]
    assert {row.split for row in rows} == {"test"}
    assert len({row.family for row in rows}) == len(rows)
    counts = Counter(row.label for row in rows)
    assert counts["yes"] == counts["no"] >= 20


def test_offsets_mark_one_whole_sentence_of_two_to_six() -> None:
    spans = {row.id: row.decisive for row in passages(ROWS)}
    for passage_id, text, parts, decisive in _passage_sources():
        start, end = spans[passage_id] or (0, 0)
        assert text[start:end] == parts[decisive - 1]
        assert 2 <= len(parts) <= 6
        assert all(sentence.endswith(".") for sentence in parts)


def _passage_sources() -> list[tuple[str, str, list[str], int]]:
    source = yaml.safe_load(Path("tasks/medical/everyday/passages.yaml").read_text(encoding="utf-8"))
    texts = {row.id: row.text for row in ROWS}
    keys = [(f"everyday-passage-{code}-{n:02}", p) for code in source for n, p in enumerate(source[code], 1)]
    return [(key, texts[key], p["sentences"], p["decisive"]) for key, p in keys]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_place_and_the_length_of_a_sentence_do_not_betray_that_it_decides(language: str) -> None:
    """A method of evidence that points at the longest, first or last sentence must not look good."""
    own = [source for source in _passage_sources() if f"-{language}-" in source[0]]
    longest = sum(max(parts, key=len) == parts[decisive - 1] for _, _, parts, decisive in own)
    first = sum(decisive == 1 for *_, decisive in own)
    last = sum(decisive == len(parts) for _, _, parts, decisive in own)
    assert max(longest, first, last) <= 0.4 * len(own)


def test_texts_are_composed_unicode_without_stray_white_space() -> None:
    lines = Path("tasks/medical/data.jsonl").read_bytes().decode("utf-8").split("\n")
    assert len([line for line in lines if line]) == len(ALL_ROWS)
    for row in ROWS:
        assert unicodedata.is_normalized("NFC", row.text)
        assert row.text == " ".join(row.text.split())
        assert row.text.isprintable()
        assert row.text.endswith(".")


def test_the_minimal_pairs_are_unchanged_but_for_the_tier() -> None:
    """Figures published on them stay comparable. The digest is that of the file before there were tiers."""
    lines = Path("tasks/medical/data.jsonl").read_text(encoding="utf-8").splitlines()
    mark = ', "tier": "hard"}'
    before = "".join(line.removesuffix(mark) + "}\n" for line in lines if line.endswith(mark))
    assert hashlib.sha256(before.encode()).hexdigest() == HARD_DIGEST
    assert len(load_data(MEDICAL, tier="hard")) == before.count("\n")
