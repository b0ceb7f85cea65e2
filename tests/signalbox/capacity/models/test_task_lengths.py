"""Token lengths of a task."""

from pathlib import Path

import pytest

from signalbox.capacity.models.task_lengths import find_tokenizer, task_lengths
from signalbox.tasks import load_task

MEDICAL = load_task(Path("tasks/medical"))


def test_without_a_tokenizer_characters_are_counted_and_the_source_says_so():
    lengths = task_lengths(MEDICAL)
    assert "4 characters per token" in lengths.source
    assert lengths.output_tokens == MEDICAL.max_answer_tokens
    # The prompt alone is longer than any sentence of the task, and a text of the longest kind longer than both.
    assert 200 < lengths.input_tokens < lengths.admitted_tokens
    assert lengths.admitted_tokens >= MEDICAL.max_input_characters // 4


def test_the_context_holds_the_longest_admitted_request():
    lengths = task_lengths(MEDICAL)
    assert lengths.context % 256 == 0
    assert 0 <= lengths.context - lengths.admitted_tokens - lengths.output_tokens < 256


def test_the_longest_language_counts():
    by_language = {
        code: sum(len(message["content"]) for message in MEDICAL.messages("", code)) for code in ("en", "de")
    }
    marked = task_lengths(MEDICAL, len, "characters")
    messages = len(MEDICAL.messages("", "en"))
    prompt = max(by_language.values()) + 8 * messages
    assert f"{prompt} of prompt" in marked.source


def test_a_tokenizer_at_hand_is_used_and_named(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    tokenizer = find_tokenizer("any", tmp_path / "config.json")
    assert tokenizer is not None
    count, name = tokenizer
    assert count("three words here") == 3
    assert "tokenizer.json" in task_lengths(MEDICAL, count, name).source


@pytest.mark.parametrize("model", ["llama-3.1-8b", "hf:no/such-repository-in-the-cache", "a b/c d"])
def test_no_tokenizer_is_no_error(model, tmp_path):
    assert find_tokenizer(model, None) is None
    assert find_tokenizer(model, tmp_path / "config.json") is None
