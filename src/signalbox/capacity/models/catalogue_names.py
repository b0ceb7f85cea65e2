"""Names in the catalogue: how a written name is matched with a row, and which names resemble an unknown one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from signalbox.errors import InputError

Row = TypeVar("Row")
_SUGGESTIONS = 3

# Endings of a model's name that do not change its memory.
_VARIANTS = re.compile(
    r"[-_](instruct|it|chat|hf|base|pt|bnb|gguf|dynamic|marlin|unsloth|autogptq|autoawq|hugging|torchao|qat)$"
)
# Endings that name a quantization, longest first.
_ENCODINGS: tuple[tuple[str, str], ...] = (
    (r"[-_.]?quantized[._-]w8a8$", "w8a8-int8"),
    (r"[-_.]?quantized[._-]w4a16$", "w4a16"),
    (r"[-_.]?quantized[._-]w8a16$", "w8a16"),
    (r"[-_](fp8[-_]block|fp8[-_]128x128)$", "fp8-block"),
    (r"[-_ ]fp8([-_]dynamic|[-_]kv|[-_]tensorwise|[-_]static)?$", "fp8"),
    (r"[-_]nvfp4(a16)?$", "nvfp4"),
    (r"[-_](w8a8|int8[-_]w8a8)$", "w8a8-int8"),
    (r"[-_]w4a16([-_]g128)?$", "w4a16"),
    (r"[-_]gptq[-_](int8|8bit)$", "gptq-int8"),
    (r"[-_]gptq([-_](int4|4bit|marlin))?([-_](128g|32g))?$", "gptq-int4"),
    (r"[-_]awq([-_]?(int4|4bit|4|marlin))?$", "awq-int4"),
    (r"[-_ ](bnb[-_]4bit|nf4|bnb[-_]nf4|4bit)$", "bnb-nf4"),
    (r"[ ]int8$", "int8"),
    (r"[-_](bnb[-_]8bit|llm[._]?int8|8bit)$", "int8"),
    (r"[-_]mxfp4$", "mxfp4"),
    (r"[-_ :.]q8_0(\.gguf)?$", "gguf-q8_0"),
    (r"[-_ :.]q6_k(\.gguf)?$", "gguf-q6_k"),
    (r"[-_ :.]q5_k_m(\.gguf)?$", "gguf-q5_k_m"),
    (r"[-_ :.]q4_k_m(\.gguf)?$", "gguf-q4_k_m"),
    (r"[-_ :.]q4_0(\.gguf)?$", "gguf-q4_0"),
)


def split_encoding(name: str) -> tuple[str, str | None]:
    """The name without the quantization at its end, and that quantization."""
    name = re.sub(r"\s*\(.*\)$|[ ](bf16|fp16|bfloat16|float16)$", "", name)
    lowered = name.strip().lower()
    for pattern, quantization in _ENCODINGS:
        if match := re.search(pattern, lowered):
            return name.strip()[: match.start()], quantization
    return name.strip(), None


def model_key(name: str) -> str:
    """A model's name without owner, case, punctuation and endings like -Instruct."""
    last = name.strip().split("/")[-1].lower()
    last = re.sub(r"^(meta|google|microsoft|nvidia|mistralai)[-_](?=llama|gemma|phi|mi)", "", last)
    while (shorter := _VARIANTS.sub("", last)) != last:
        last = shorter
    last = re.sub(r"[-_](instruct|chat|it)(?=[-_.])", "", last)
    return plain_key(last)


def gpu_key(name: str) -> str:
    """A GPU's name without vendor, brand, case and punctuation."""
    key = re.sub(r"-shared$", "", name.strip().lower())
    key = re.sub(r"^(nvidia|tesla|geforce)[-_ ]+", "", re.sub(r"^nvidia[-_ ]+", "", key))
    return plain_key(re.sub(r"^geforce[-_ ]+", "", key))


def plain_key(name: str) -> str:
    """Letters, digits, and the points within numbers: opt-1.3b is not opt-13b."""
    return re.sub(r"[^a-z0-9.]+|(?<!\d)\.|\.(?!\d)", "", name.lower())


def find(
    what: str,
    name: str,
    rows: Sequence[Row],
    names: Callable[[Row], tuple[str, ...]],
    key: Callable[[str], str],
) -> Row:
    """The row of that name; the full name wins over an alias, and the first row over a later one.

    Raises InputError with the most similar names. `what` is the kind of row, for the message.
    """
    target = key(name)
    for full_name_only, spelling in ((True, str), (False, str), (True, _pointless), (False, _pointless)):
        for row in rows:
            candidates = names(row)[:1] if full_name_only else names(row)
            if target and any(spelling(key(one)) == spelling(target) for one in candidates):
                return row
    similar = suggestions(target, {names(row)[0]: tuple(key(one) for one in names(row)) for row in rows})
    raise InputError(what, name, f"did you mean {_listing(similar)}?", problem=f"unknown {what} `{name}`")


def _pointless(key: str) -> str:
    return key.replace(".", "")


def _listing(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def suggestions(target: str, names: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The three names most alike, by the best of the keys of each."""
    scores = sorted(
        (-max(_likeness(target, key) for key in keys), len(name), name) for name, keys in names.items()
    )
    return [name for _, _, name in scores[:_SUGGESTIONS]]


def _likeness(target: str, key: str) -> float:
    return SequenceMatcher(None, target, key).ratio() + (0.1 if key[:1] == target[:1] else 0.0)
