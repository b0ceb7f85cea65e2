"""Labels of a task: what is read, what is rejected, what the prompt has, and labels of earlier days."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.labels import ABSTAIN, NEUTRAL, same_name
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.tasks import Task, load_data, load_task, of_today
from signalbox.tasks.checks import MOST_ALIKE
from signalbox.tasks.forms import form_key
from signalbox.tasks.labels import MOST

DECOMPOSED = "Gro\u0308\u00dfe"  # Größe, the other normal form
LONG = "N" * (MOST_ALIKE + 1)
LINE = '{"id":"%d","text":"t","label":"%s","language":"de","family":"%d","split":"test"}\n'


def label(name: str, word: str = "", **fields: Any) -> dict[str, Any]:
    return {"name": name, "words": {"de": [word or name]}, **fields}


LABELS = [
    label("Netz/Intranet", "Netz", description={"de": "alles rund ums Netz"}, former=["LAN"]),
    label("Größe", "Größe"),
    label("חירום", "חירום"),
]


def spec(**changes: Any) -> dict[str, Any]:
    german = {"system": "Wähle eine Kategorie.", "turns": []}
    return {
        "name": "toy",
        "title": {},
        "question": {},
        "labels": LABELS,
        "languages": {"de": german},
    } | changes


def turns(**turn: str) -> dict[str, Any]:
    return {"de": {"system": "Wähle eine Kategorie.", "turns": [{"text": "Kein WLAN.", **turn}]}}


def load(folder: Path, **changes: Any) -> Task:
    (folder / "task.yaml").write_text(yaml.safe_dump(spec(**changes), allow_unicode=True), encoding="utf-8")
    return load_task(folder)


def test_labels_keep_their_order_and_their_words(tmp_path: Path) -> None:
    task = load(tmp_path)
    assert task.names == task.answers == ("Netz/Intranet", "Größe", "חירום")
    assert task.positive is None
    assert task.words("de")["Netz/Intranet"] == ("Netz",)
    assert task.word("Netz/Intranet", "de") == "Netz"
    assert task.slugs == {"Netz/Intranet": "netz-intranet", "Größe": "grosse", "חירום": "label-3"}


def test_a_yes_no_task_has_its_labels_from_its_languages() -> None:
    task = load_task(Path("tasks/medical"))
    assert (task.names, task.positive) == (("yes", "no"), "yes")
    assert task.words("de") == {"yes": ("Ja",), "no": ("Nein",)}
    assert list(task.answer_forms("en")) == ["yes", "no"]


@pytest.mark.parametrize(
    ("changes", "field", "hint"),
    [
        ({"labels": LABELS[:1]}, "labels", "2 to 20"),
        ({"labels": [label(f"l{i}") for i in range(MOST + 1)]}, "labels", "2 to 20"),
        ({"labels": [*LABELS, label("größe", "x")]}, "labels.3.name", "case"),
        ({"labels": [*LABELS, label(DECOMPOSED, "x")]}, "labels.3.name", "accents"),
        ({"labels": [*LABELS, label("lan", "x")]}, "labels.3.name", "Another label"),
        ({"labels": [*LABELS, label("Neutral", "x")]}, "labels.3.name", "reserved"),
        ({"labels": [*LABELS, label("None of these", "x")]}, "labels.3.name", "abstain"),
        ({"labels": [*LABELS, label("x", "NETZ")]}, "words of `x`", "same word"),
        ({"labels": [*LABELS, label("x", " ")]}, "words of `x`", "at least one word"),
        (
            {"labels": [*LABELS, {"name": "x", "words": {"en": ["x"]}}]},
            "words of `x` in `de`",
            "at least one",
        ),
        ({"labels": [*LABELS, label("a\nb")]}, "labels.3.name", "line breaks"),
        ({"labels": [*LABELS, {"name": True, "words": {"de": ["Ja"]}}]}, "labels.3.name", "quotes"),
        ({"labels": [*LABELS, {"name": "x", "words": {"de": [True]}}]}, "labels.3.words", "quotes"),
        ({"labels": ["Netz", "Größe"]}, "labels", "mapping"),
        ({"positive_label": "Größe"}, "positive_label", "two labels only"),
        ({"labels": LABELS[:2], "positive_label": "x"}, "positive_label", "Netz/Intranet"),
        ({"answer": "numbers"}, "answer", "letters"),
        ({"languages": {"de": {"system": "s", "turns": [{"text": "t"}]}}}, "turns.0", "either answer"),
        (
            {"languages": {"de": {"system": "s", "turns": [{"text": "t", "label": "x"}]}}},
            "turns.0.label",
            "Netz",
        ),
        ({"labels": [*LABELS, label("x", "–")]}, "words of `x` in `de`", "markup or punctuation"),
        ({"labels": [*LABELS, label("x", "0 ”")]}, "words of `x` in `de`", "at the end"),
        ({"labels": [*LABELS, label("x", "zwei\nZeilen")]}, "words of `x` in `de`", "one line"),
        ({"labels": [*LABELS, label("x", "„Netz“")]}, "words of `x` in `de`", "reads as `Netz`"),
        ({"labels": [*LABELS, label("x", "Netz.")]}, "words of `x` in `de`", "reads as `Netz`"),
        (
            {"labels": [label("x", LONG + "West"), label("y", LONG + "Ost")]},
            "of `y` in `de`",
            "`answer: letters`",
        ),
        (
            {"max_answer_tokens": 4, "labels": [label("Netz Ost"), label("Netz West")]},
            "max_answer_tokens",
            "at least 6",
        ),
        ({"languages": turns(answer="Ja, das Netz.")}, "languages.de.turns.0.answer", "`Netz`, `Größe`"),
        ({"languages": turns(answer="Netzausfall.")}, "languages.de.turns.0.answer", "`label` and `reason`"),
        (
            {"answer": "letters", "languages": turns(answer="Netz. Kein WLAN.")},
            "turns.0.answer",
            "`A`, `B`, `C`",
        ),
        ({"answer": "letters", "languages": turns(answer="A Netz")}, "turns.0.answer", "a period"),
        (
            {
                "labels": [*LABELS, label("x", "Netz. Ost")],
                "languages": turns(label="Netz/Intranet", reason="Ost."),
            },
            "languages.de.turns.0.reason",
            "reads as `x`",
        ),
        ({"languages": {}}, "languages", "at least 1"),
        (
            {"languages": {"de": {"system": "s", "turns": [], "words": {"yes": ["Ja"], "no": ["Nein"]}}}},
            "languages.de.words",
            "at the labels",
        ),
    ],
)
def test_what_is_wrong_is_named_with_field_and_hint(
    tmp_path: Path, changes: dict[str, Any], field: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, **changes)
    assert field in caught.value.message
    assert "task.yaml" in caught.value.message
    assert hint in caught.value.hint


def test_a_language_without_words_says_both_ways_to_write_them(tmp_path: Path) -> None:
    content = spec()
    del content["labels"]
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"languages\.de\.words.*`labels`"):
        load_task(tmp_path)


def test_the_prompt_has_the_labels_with_their_descriptions(tmp_path: Path) -> None:
    listing = "- Netz: alles rund ums Netz\n- Größe\n- חירום"
    assert load(tmp_path).messages("t", "de")[0]["content"] == f"Wähle eine Kategorie.\n{listing}"
    german = {"system": "Eine von:\n{labels}\nKurz.", "turns": []}
    task = load(tmp_path, languages={"de": german})
    assert task.messages("{labels}", "de")[0]["content"] == f"Eine von:\n{listing}\nKurz."
    assert task.messages("{labels}", "de")[-1]["content"] == "{labels}"


def test_letters_are_listed_and_are_the_answer(tmp_path: Path) -> None:
    turn = {"text": "Kein WLAN.", "label": "Netz/Intranet", "reason": "Das Netz fehlt."}
    german = {"system": "Antworte mit dem Buchstaben.", "turns": [turn]}
    task = load(tmp_path, answer="letters", abstain=True, languages={"de": german})
    assert task.answer_forms("de") == {
        "Netz/Intranet": ("A",), "Größe": ("B",), "חירום": ("C",), ABSTAIN: ("D",),
    }  # fmt: skip
    system, _, reply, _ = task.messages("t", "de")
    assert system["content"].endswith("\nA. Netz: alles rund ums Netz\nB. Größe\nC. חירום\nD. Nichts davon")
    assert reply["content"] == "A. Das Netz fehlt."
    assert task.word("Netz/Intranet", "de") == "Netz"


def test_to_abstain_is_an_answer_for_people_and_no_verdict(tmp_path: Path) -> None:
    task = load(tmp_path, abstain=True)
    assert (task.names, task.answers) == (("Netz/Intranet", "Größe", "חירום"), (*task.names, ABSTAIN))
    assert task.check_label(ABSTAIN) == ABSTAIN
    assert task.verdict_of(ABSTAIN) == task.verdict_of(NEUTRAL) == NEUTRAL
    french = {"system": "s", "turns": []}
    words = [{**entry, "words": {"fr": entry["words"]["de"]}} for entry in LABELS]
    with pytest.raises(InputError, match=r"languages\.fr\.abstain"):
        load(tmp_path, abstain=True, labels=words, languages={"fr": french})
    own = {**french, "abstain": ["Aucun"]}
    assert load(tmp_path, abstain=True, labels=words, languages={"fr": own}).word(ABSTAIN, "fr") == "Aucun"


def test_a_former_name_counts_for_its_label_today(tmp_path: Path) -> None:
    task = load(tmp_path)
    assert (task.current("LAN"), task.current(DECOMPOSED), task.current("removed")) == (
        "Netz/Intranet", "Größe", None,
    )  # fmt: skip
    assert (task.word("LAN", "de"), task.word("removed", "de")) == ("Netz", "removed")
    assert (task.verdict_of("LAN"), task.verdict_of("removed")) == ("Netz/Intranet", "removed")
    with pytest.raises(InputError, match=r"label: got 'removed'.*`Netz/Intranet`, `Größe`"):
        task.check_label("removed")


def test_rows_of_a_removed_label_are_counted_and_left_out(tmp_path: Path) -> None:
    task = load(tmp_path)
    rows = [
        LabeledText(id=str(i), text="t", label=name, language="de", family=str(i), split="feedback")
        for i, name in enumerate(("LAN", "Größe", "removed", "removed"))
    ]
    today, left_out = of_today(task, rows)
    assert [row.label for row in today] == ["Netz/Intranet", "Größe"]
    assert left_out == {"removed": 2}
    assert rows[2].label == "removed"


def test_data_of_an_unknown_label_are_named_by_their_line(tmp_path: Path) -> None:
    task = load(tmp_path)
    path = tmp_path / "data.jsonl"
    path.write_text(LINE % (1, "LAN", 1) + LINE % (2, DECOMPOSED, 2), encoding="utf-8")
    assert [row.label for row in load_data(task)] == ["Netz/Intranet", "Größe"]
    path.write_text(LINE % (1, "Größe", 1) + LINE % (2, "Grösse", 2), encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.jsonl:2: label: got 'Grösse'.*`Größe`"):
        load_data(task)


def test_two_labels_of_any_name_have_a_positive_one(tmp_path: Path) -> None:
    assert load(tmp_path, labels=LABELS[:2]).positive == "Netz/Intranet"
    assert load(tmp_path, labels=LABELS[:2], positive_label="Größe").positive == "Größe"


NAMES = st.text("aäß ח-/Zz", min_size=1, max_size=8).filter(lambda n: n == n.strip() and form_key(n))


@given(
    st.lists(NAMES, min_size=2, max_size=20, unique_by=(same_name, form_key)),
    st.sampled_from(["words", "letters"]),
)
def test_any_list_of_labels_is_told_apart(names: list[str], answer: str) -> None:
    task = Task.model_validate({**spec(labels=[label(n) for n in names]), "answer": answer, "folder": "."})
    forms = [form for words in task.answer_forms("de").values() for form in words]
    assert len(set(forms)) == len(task.names) == len(names)
    assert len(set(task.slugs.values())) == len(names)
    assert all(task.current(name) == name for name in task.names)
    listing = task.listing("de").split("\n")
    assert len(listing) == len(names)
