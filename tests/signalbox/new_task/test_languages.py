"""Languages from small words, checked on the tasks of this repository."""

from pathlib import Path

import pytest

from signalbox.errors import InputError
from signalbox.new_task.languages import language_of, languages_of, stop_words
from signalbox.tasks import load_data, load_task


@pytest.mark.parametrize("name", ["medical", "tickets"])
def test_the_languages_of_the_tasks_are_recognized(name):
    rows = load_data(load_task(Path("tasks") / name))
    guesses = [language_of(row.text) for row in rows]
    wrong = [row for row, guess in zip(rows, guesses, strict=True) if guess not in {row.language, None}]
    assert len(wrong) <= 0.01 * len(rows)
    assert guesses.count(None) <= 0.05 * len(rows)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Je ne peux pas ouvrir la porte avec mon badge.", "fr"),
        ("No puedo abrir la puerta con la tarjeta que me dieron ayer.", "es"),
        ("Non riesco ad aprire la porta con il mio badge.", "it"),
        ("Ik kan de deur niet openen met mijn pas.", "nl"),
        ("Não consigo abrir a porta com o meu cartão.", "pt"),
        ("Nie mogę otworzyć drzwi, ale karta jest nowa.", "pl"),
        ("HTTP 404", None),
    ],
)
def test_other_languages_are_recognized_or_not_at_all(text, language):
    assert language_of(text) == language


def test_chance_is_no_language_of_its_own():
    texts = ["The door is open and the light is on."] * 30 + ["Je ne peux pas ouvrir la porte.", "404"]
    languages, note = languages_of(texts, "labels.csv")
    assert languages == ["en"] * 32
    assert note is not None
    assert "2 texts are counted as `en`" in note
    assert "1 × fr" in note


def test_texts_without_a_recognized_language_need_the_option():
    with pytest.raises(InputError, match=r"recognized in 0 of 4 texts") as caught:
        languages_of(["אישור", "تحويل", "404", "500"], "labels.csv")
    assert "--language" in caught.value.hint


def test_no_small_word_is_in_most_languages():
    counts = [word for words in stop_words().values() for word in words]
    assert max(counts.count(word) for word in set(counts)) <= 4
