"""The differences between the servers that a decoder client may query: one row an engine, no branches."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signalbox.tasks.forms import form_key

Constraint = Callable[[Sequence[str]], dict[str, Any]]


@dataclass(frozen=True)
class Engine:
    """One engine: its name in releases, its `owned_by` in /v1/models, the request fields that constrain it."""

    name: str
    owned_by: str | None
    constraint: Constraint | None
    max_top_logprobs: int = 20


# What may follow a word, and what a letter or number, which must not become "A person", "a.m." or "1.5".
_AFTER_WORD, _AFTER_SIGN = "[ .,:;!]", "[.:;)]"


def _grammar(words: Sequence[str]) -> dict[str, Any]:
    """GBNF: one of the words, then nothing or any text that does not continue it."""
    rest = "[^\\x00]*"
    tails = (f"({_AFTER_WORD} {rest})?", f"({_AFTER_SIGN} ([ \\n] {rest})?)?")
    branches = [
        f"({' | '.join(json.dumps(word, ensure_ascii=False) for word in part)}) {tail}"
        for part, tail in zip(_parts(words), tails, strict=True)
        if part
    ]
    return {"grammar": f"root ::= {' | '.join(branches)}"}


def _regex(words: Sequence[str]) -> str:
    tails = (f"({_AFTER_WORD}.*)?", f"({_AFTER_SIGN}( .*)?)?")
    branches = [
        f"({'|'.join(_SPECIAL.sub(_escaped, word) for word in part)}){tail}"
        for part, tail in zip(_parts(words), tails, strict=True)
        if part
    ]
    return branches[0] if len(branches) == 1 else f"({'|'.join(branches)})"


def _parts(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words, and forms that are a letter or end with a digit."""
    signs = [word for word in words if len(key := form_key(word)) == 1 or key[-1].isdigit()]
    return [word for word in words if word not in signs], signs


# Not re.escape: it also escapes spaces and hyphens, which the engines' own regex parsers need not accept.
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")


def _escaped(special: re.Match[str]) -> str:
    return f"\\{special[0]}"


def _structured_outputs(words: Sequence[str]) -> dict[str, Any]:
    """vLLM since 0.12; `guided_*` of older versions is silently ignored by newer ones."""
    return {"structured_outputs": {"regex": _regex(words)}}


def _regex_field(words: Sequence[str]) -> dict[str, Any]:
    """SGLang's own field of a chat request."""
    return {"regex": _regex(words)}


def _response_format(words: Sequence[str]) -> dict[str, Any]:
    return {"response_format": {"type": "regex", "value": _regex(words)}}


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("llama.cpp", "llamacpp", _grammar),
        Engine("vllm", "vllm", _structured_outputs),
        Engine("sglang", "sglang", _regex_field),
        Engine("tgi", None, _response_format, max_top_logprobs=5),
        Engine("ollama", "library", None),
        # Any other server that speaks the protocol. It has no common way to force a first word.
        Engine("openai", None, None),
    )
}

_BY_OWNER = {engine.owned_by: engine for engine in ENGINES.values() if engine.owned_by}


def engine_of(owned_by: object) -> Engine:
    """The engine behind a model listing's `owned_by`; an unknown one is the plain protocol."""
    return _BY_OWNER.get(owned_by, ENGINES["openai"]) if isinstance(owned_by, str) else ENGINES["openai"]
