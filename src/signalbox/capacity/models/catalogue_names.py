"""Names in the catalogue: how a written name is matched with a row, and which names resemble an unknown one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from signalbox.capacity.spec import Vendor
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
)
# Types of GGUF files at the end of a name, of a file or behind a colon; UD marks Unsloth's dynamic mixtures.
_GGUF = re.compile(
    r"[-_ :.](?P<dynamic>ud[-_])?(?P<type>i?q\d_(?:[kmsxl0-9]+)(?:_(?:xxs|xs|xl|nl|s|m|l))?|mxfp4(?:_moe)?|bf16|f16|fp16)(\.gguf)?$"
)
# A dynamic mixture has the size of this type within a few percent: Mistral-Small-3.2-24B in UD-Q4_K_XL is 14.55 GB, and
# 14.33 GB in Q4_K_M. The header of the file (hf:ORG/NAME:UD-Q4_K_XL) is exact.
_DYNAMIC = {
    "q2_k_xl": "q2_k",
    "q3_k_xl": "q3_k_m",
    "q4_k_xl": "q4_k_m",
    "q5_k_xl": "q5_k_m",
    "q6_k_xl": "q6_k",
    "q8_k_xl": "q8_0",
    "q2_k_l": "q2_k",
    "q3_k_l": "q3_k_l",
    "q4_k_l": "q4_k_m",
    "q5_k_l": "q5_k_m",
    "q6_k_l": "q6_k",
}
_GGUF_NAMES = {
    "f16": "gguf-f16",
    "fp16": "gguf-f16",
    "bf16": "gguf-bf16",
    "mxfp4": "gguf-mxfp4",
    "mxfp4_moe": "gguf-mxfp4",
}
# An Ollama tag: a name and a size without an owner. Its default is Q4_K_M (github.com/ollama/ollama/blob/main/docs/faq.md).
_TAG = re.compile(r"^[a-z][a-z0-9._-]*:(?P<tag>[a-z0-9][a-z0-9._-]*)$", re.IGNORECASE)
TAG_DEFAULT = "gguf-q4_k_m"


def split_encoding(name: str) -> tuple[str, str | None]:
    """The name without the quantization at its end, and that quantization."""
    name = re.sub(r"\s*\(.*\)$|[ ](bf16|fp16|bfloat16|float16)$", "", name)
    lowered = name.strip().lower()
    for pattern, quantization in _ENCODINGS:
        if match := re.search(pattern, lowered):
            return name.strip()[: match.start()], quantization
    tagged, file = is_tag(name), lowered.endswith(".gguf") or "gguf" in lowered
    if match := _GGUF.search(lowered):
        kind = match["type"]
        if tagged or file or kind.startswith(("q", "iq")):
            return name.strip()[: match.start()], gguf_name(kind)
    return name.strip(), TAG_DEFAULT if tagged else None


def gguf_name(kind: str) -> str:
    """The quantization of a file type: q4_k_m is gguf-q4_k_m; a dynamic mixture is the type of its size."""
    kind = kind.lower().removeprefix("ud-")
    return _GGUF_NAMES.get(kind) or f"gguf-{_DYNAMIC.get(kind, kind)}"


def dynamic_note(name: str) -> str:
    """That a dynamic mixture is planned as a fixed type, where no header was read; empty for other names."""
    match = None if name.startswith("hf:") else _GGUF.search(name.strip().lower())
    if match is None or not (match["dynamic"] or match["type"] in _DYNAMIC):
        return ""
    return f"{match['type'].upper()} is planned as {gguf_name(match['type'])}: its mixture differs by model, --model hf:… reads it"


def is_tag(name: str) -> bool:
    """Whether a name is written as an Ollama tag: qwen3:14b."""
    return _TAG.match(name.strip()) is not None


def default_engine(name: str | None) -> str:
    """The engine that a name is written for, where none is stated: Ollama's tags, and GGUF files."""
    if name is None:
        return "vllm"
    if is_tag(name):
        return "ollama"
    return "llamacpp" if "gguf" in name.lower() or _GGUF.search(name.lower()) else "vllm"


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


_VENDORS: tuple[tuple[str, Vendor], ...] = (
    (r"^(amd|instinct|radeon|mi\d|rx[-_ ]?\d|w\d{4}|ryzen|r9\d{3})", "amd"),
    (r"^(intel|gaudi|arc|b\d0$|hl-)", "intel"),
    (r"^(apple|m[1-9]\b)", "apple"),
)


def vendor_of(name: str) -> Vendor:
    """The vendor that a name is written like; NVIDIA where nothing else is."""
    lowered = name.strip().lower()
    return next((vendor for pattern, vendor in _VENDORS if re.search(pattern, lowered)), "nvidia")


def plain_key(name: str) -> str:
    """Letters, digits, and the points within numbers: opt-1.3b is not opt-13b."""
    return re.sub(r"[^a-z0-9.]+|(?<!\d)\.|\.(?!\d)", "", name.lower())


def find(
    what: str,
    name: str,
    rows: Sequence[Row],
    names: Callable[[Row], tuple[str, ...]],
    key: Callable[[str], str],
    offered: Callable[[Row], bool] = lambda _: True,
) -> Row:
    """The row of that name; the full name wins over an alias, and the first row over a later one.

    Raises InputError with the most similar names. `what` is the kind of row, for the message; `offered` selects
    the rows that may be proposed.
    """
    target = key(name)
    for full_name_only, spelling in ((True, str), (False, str), (True, _pointless), (False, _pointless)):
        for row in rows:
            candidates = names(row)[:1] if full_name_only else names(row)
            if target and any(spelling(key(one)) == spelling(target) for one in candidates):
                return row
    likely = [row for row in rows if offered(row)] or rows
    similar = suggestions(target, {names(row)[0]: tuple(key(one) for one in names(row)) for row in likely})
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
