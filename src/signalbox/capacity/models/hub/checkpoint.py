"""One checkpoint of a repository: its config.json and the tables of its weight files, read in parallel and kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from signalbox.capacity.models.hub.files import Files, MissingFileError
from signalbox.capacity.models.hub.gguf import Short, config_of, read_gguf
from signalbox.capacity.models.hub.safetensors import LENGTH_BYTES, header_length, read_header
from signalbox.capacity.models.hub.tensors import Tensor
from signalbox.errors import InputError

CONFIG = "config.json"
_INDEX, _SINGLE = "model.safetensors.index.json", "model.safetensors"
_FIRST_READ = 64 * 1024  # holds the header of most files
_GGUF_FIRST_READ = 4 * 1024 * 1024
_GGUF_LARGEST = 256 * 1024 * 1024
_PARALLEL = 8
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
# What llama.cpp's -hf downloads where no quantization is named, then the others from large to small.
_GGUF_PREFERENCE = ("Q4_K_M", "Q4_0", "Q8_0")


@dataclass(frozen=True)
class Checkpoint:
    """What the headers say. `bytes_read` of this process, 0 where the cache answered; `bytes_total` of the weight files."""

    label: str
    commit: str
    config: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    files: int
    bytes_total: int
    bytes_read: int
    gguf: str | None = None  # the file, where it is one


def read_checkpoint(files: Files, wish: str | None = None) -> Checkpoint:
    """The checkpoint of a repository; `wish` is a file of it or a quantization, for repositories with GGUF files.

    Weights in other formats have no header to read: the checkpoint has no tensors then. Raises InputError where it has neither safetensors nor GGUF files, and for a damaged header.
    """
    config = None if wish else _config(files)
    if config is not None:
        names = _weight_files(files)
        if names:
            return _safetensors(files, config, names)
    listing = files.names()
    if config is not None and not any(name.endswith(".gguf") for name in listing):
        return Checkpoint(files.label, files.commit, config, (), 0, 0, files.bytes_read)
    return _gguf(files, listing, wish)


def _config(files: Files) -> dict[str, Any] | None:
    try:
        config = json.loads(files.whole(CONFIG))
    except MissingFileError:
        return None
    except ValueError as error:
        problem = f"{CONFIG} of `{files.label}` is not JSON"
        raise InputError("--model", files.label, "use another revision", problem=problem) from error
    if not isinstance(config, dict):
        problem = f"{CONFIG} of `{files.label}` is not a JSON object"
        raise InputError("--model", files.label, "use another revision", problem=problem)
    return config


def _weight_files(files: Files) -> list[str]:
    """The shards that the index names, else the single file; other copies of the weights are not loaded."""
    try:
        index = json.loads(files.whole(_INDEX))
        return sorted(set(index["weight_map"].values()))
    except MissingFileError:
        pass
    except (ValueError, KeyError, AttributeError) as error:
        problem = f"{_INDEX} of `{files.label}` is not valid"
        raise InputError("--model", files.label, "use another revision", problem=problem) from error
    try:
        files.read(_SINGLE, 0, LENGTH_BYTES)
    except MissingFileError:
        return []
    return [_SINGLE]


def _safetensors(files: Files, config: dict[str, Any], names: Sequence[str]) -> Checkpoint:
    with ThreadPoolExecutor(min(_PARALLEL, len(names))) as pool:
        tables = list(pool.map(lambda name: _table(files, name), names))
    tensors = tuple(tensor for table in tables for tensor in table)
    total = sum(tensor.size for tensor in tensors)
    return Checkpoint(files.label, files.commit, config, tensors, len(names), total, files.bytes_read)


def _table(files: Files, name: str) -> list[Tensor]:
    try:
        start = files.read(name, 0, _FIRST_READ)
    except MissingFileError as error:
        problem = f"`{files.label}` has no `{name}`, which its index names"
        raise InputError("--model", files.label, "use another revision", problem=problem) from error
    end = LENGTH_BYTES + header_length(start, name)
    if len(start) < end:
        start += files.read(name, len(start), end - len(start))
    return read_header(start[LENGTH_BYTES:end], name)


def _gguf(files: Files, names: Mapping[str, int], wish: str | None) -> Checkpoint:
    shards = _gguf_shards(names, wish, files.label)
    headers = [_gguf_header(files, name) for name in shards]
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    config = config_of(headers[0].__class__(headers[0].metadata, tensors))
    config["quantization_config"] = {"quant_method": "gguf", "type": gguf_type(shards[0])}
    total = sum(tensor.size for tensor in tensors)
    return Checkpoint(
        files.label, files.commit, config, tensors, len(shards), total, files.bytes_read, gguf=shards[0]
    )


def _gguf_header(files: Files, name: str) -> Any:  # noqa: ANN401 - GgufHeader
    """Reads on until the table of tensors is complete; a vocabulary in front of it has megabytes."""
    data, size = b"", _GGUF_FIRST_READ
    while len(data) < _GGUF_LARGEST:
        more = files.read(name, len(data), size)
        data += more
        try:
            return read_gguf(data, name)
        except Short:
            if len(more) < size:
                break
    problem = f"`{name}` of `{files.label}` ends before its table of tensors does"
    raise InputError("--model", files.label, "download it again, or use another file", problem=problem)


def _gguf_shards(names: Mapping[str, int], wish: str | None, label: str) -> list[str]:
    """The files of one GGUF model, in their order: named by a path or a quantization, or llama.cpp's choice."""
    models = [name for name in names if name.endswith(".gguf") and "mmproj" not in name.lower()]
    if not models:
        problem = f"`{label}` has neither safetensors nor GGUF files"
        raise InputError("--model", label, "use the repository of the weights", problem=problem)
    first = _first_file(models, wish)
    if first is None:
        types = ", ".join(sorted({gguf_type(name).upper() for name in models}))
        problem = f"`{label}` has no GGUF file `{wish}`"
        raise InputError("--model", label, f"write hf:ORG/NAME:TYPE with one of {types}", problem=problem)
    if match := _SHARD.search(first):
        stem = first[: match.start()]
        return [f"{stem}-{number:05d}-of-{match[2]}.gguf" for number in range(1, int(match[2]) + 1)]
    return [first]


def _first_file(models: Sequence[str], wish: str | None) -> str | None:
    firsts = sorted(name for name in models if (m := _SHARD.search(name)) is None or int(m[1]) == 1)
    if wish is not None and wish in models:
        return wish
    kinds = (wish,) if wish else _GGUF_PREFERENCE
    for kind in kinds:
        for exact in (f"ud-{kind}".lower(), kind.lower()) if not wish else (kind.lower(),):
            for name in firsts:
                if gguf_label(name) == exact:
                    return name
    return firsts[0] if wish is None else None


_TYPE = re.compile(
    r"(?P<dynamic>UD-)?(?P<type>(?:I?Q\d(?:_[0-9KA-Z]+)*|T?Q\d_\d|BF16|F16|F32|MXFP4(?:_MOE)?|NVFP4))$",
    re.IGNORECASE,
)


def gguf_label(name: str) -> str:
    """The type at the end of a file's name, with the mark of a dynamic mixture: ud-q4_k_xl; empty without one."""
    stem = _SHARD.sub("", name.rsplit("/", maxsplit=1)[-1]).removesuffix(".gguf")
    match = re.search(r"(?:^|[-_.])(" + _TYPE.pattern.removesuffix("$") + r")$", stem, re.IGNORECASE)
    return match[1].lower() if match else ""


def gguf_type(name: str) -> str:
    """The type of a file by its name, q4_k_m; `file` where the name has none."""
    return gguf_label(name).removeprefix("ud-") or "file"
