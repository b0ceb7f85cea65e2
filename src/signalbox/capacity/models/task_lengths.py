"""Token lengths of a task's requests: the system prompt, the few-shot turns, the longest text, the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from signalbox.capacity.units import ceil_div, round_up
from signalbox.tasks import Task, load_all

_CHARACTERS_PER_TOKEN = 4
_TEMPLATE_TOKENS = 8  # role and turn marks that a chat template adds to a message
_STEP = 256
Count = Callable[[str], int]


@dataclass(frozen=True)
class TaskLengths:
    """Tokens of a task's requests in its longest language.

    `input_tokens` has the longest labeled text; `admitted_tokens` the longest text that the task accepts.
    """

    input_tokens: int
    admitted_tokens: int
    output_tokens: int
    source: str

    @property
    def context(self) -> int:
        """A context with room for every admitted request and its answer, a multiple of 256."""
        return round_up(self.admitted_tokens + self.output_tokens, _STEP)


def task_lengths(task: Task, count: Count | None = None, tokenizer: str = "") -> TaskLengths:
    """Measure a task. Without a tokenizer's `count`, a token is four characters; `source` names the method."""
    measure = count or _by_characters
    longest = ""
    for row in load_all(task):
        longest = max(longest, row.text, key=len)
    prompt = max(_prompt_tokens(task, language, measure) for language in task.languages)
    text = measure(longest)
    admitted = max(text, ceil_div(task.max_input_characters, _CHARACTERS_PER_TOKEN))
    method = (
        f"counted by {tokenizer}" if count else f"counted as {_CHARACTERS_PER_TOKEN} characters per token"
    )
    return TaskLengths(
        input_tokens=prompt + text,
        admitted_tokens=prompt + admitted,
        output_tokens=task.max_answer_tokens,
        source=f"task {task.name}: {prompt} of prompt and few-shot turns, {text} of the longest text, {method}",
    )


def _prompt_tokens(task: Task, language: str, measure: Count) -> int:
    chat = task.messages("", language)
    return sum(measure(message["content"]) + _TEMPLATE_TOKENS for message in chat)


def _by_characters(text: str) -> int:
    return ceil_div(len(text), _CHARACTERS_PER_TOKEN)


def find_tokenizer(model: str, config: Path | None) -> tuple[Count, str] | None:
    """The model's own tokenizer if there is one next to the config.json or in the Hub's cache, and its name."""
    path = _tokenizer_file(model, config)
    if path is None:
        return None
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - not a dependency of the core
    except ImportError:
        return None
    tokenizer = Tokenizer.from_file(str(path))
    return (lambda text: len(tokenizer.encode(text).ids)), f"the model's tokenizer ({path.name})"


def _tokenizer_file(model: str, config: Path | None) -> Path | None:
    if config is not None:
        path = (config if config.is_dir() else config.parent) / "tokenizer.json"
        return path if path.is_file() else None
    repository = model.removeprefix("hf:")
    if repository.count("/") != 1:
        return None
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        path_in_cache = try_to_load_from_cache(repository, "tokenizer.json")
    except HFValidationError:
        return None
    return Path(path_in_cache) if isinstance(path_in_cache, str) else None
