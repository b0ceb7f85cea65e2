"""Kinds of serving in a request (adapters, speculation, offloading, …), checked and resolved for a model and an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from signalbox.capacity.memory import lora
from signalbox.capacity.memory.speculative import MTP_FAMILIES
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.models.sources import find_model
from signalbox.capacity.planner.request_fields import KindFields
from signalbox.capacity.serving import ALL_THAT_FIT, LORA_RANKS, Lora, Serving, Speculative
from signalbox.capacity.spec import ENGINE_TITLES, Architecture, Draft, EngineName, EngineVersion
from signalbox.errors import InputError

_MOST_OFFLOAD_GIB = 1_000_000  # more than any host has; nan and inf are outside, too
_LORA_RANK = 16  # vLLM's default
_TOKENS = {"mtp": 1, "draft": 5, "ngram": 5}  # per step, as in the examples of vLLM's documentation
# Field of the request → its option, and the engine whose memory is known with it.
_OPTIONS: Mapping[str, tuple[str, EngineName]] = {
    "lora_adapters": ("--lora-adapters", "vllm"),
    "lora_rank": ("--lora-rank", "vllm"),
    "speculative": ("--speculative", "vllm"),
    "speculative_tokens": ("--speculative-tokens", "vllm"),
    "pooling": ("--pooling", "vllm"),
    "cpu_offload": ("--cpu-offload-gb", "vllm"),
    "gpu_layers": ("--gpu-layers", "llamacpp"),
    "data_parallel": ("--data-parallel", "vllm"),
    "expert_parallel": ("--expert-parallel", "vllm"),
}


def resolve_kinds(
    request: KindFields, model: Architecture, engine: EngineVersion, catalogue: Catalogue
) -> tuple[Serving, Draft | None]:
    """The kinds of a request and the draft model. Raises InputError for what the engine or the model cannot do."""
    _check_engine(request, engine)
    if not model.kv_groups and engine.name != "vllm":
        problem = f"{model.name} is an encoder, which is planned for vLLM only, not for {engine.title}"
        raise InputError("--engine", engine.name, "use `--engine vllm`", problem=problem)
    speculative = _speculative(request, model)
    serving = Serving(
        lora=_lora(request, model),
        speculative=speculative,
        pooling=request.pooling or not model.kv_groups,
        offload_gib=_offload(request),
        gpu_layers=_gpu_layers(request, model),
        data_parallel=_data_parallel(request, model),
        expert_parallel=_expert_parallel(request, model),
    )
    if serving.pooling and speculative is not None:
        problem = "`--speculative` proposes tokens, and the pooling runner generates none"
        raise InputError("--speculative", request.speculative, "remove one of both", problem=problem)
    return serving, _draft(speculative, model, catalogue)


def _check_engine(request: KindFields, engine: EngineVersion) -> None:
    for field, (option, name) in _OPTIONS.items():
        value = getattr(request, field)
        if value != KindFields.model_fields[field].default and engine.name != name:
            problem = f"`{option}` is planned for {ENGINE_TITLES[name]} only, not for {engine.title}"
            raise InputError(option, value, f"use `--engine {name}`, or remove `{option}`", problem=problem)


def _lora(request: KindFields, model: Architecture) -> Lora | None:
    adapters, rank = request.lora_adapters, request.lora_rank
    if adapters is None and rank is None:
        return None
    rank, adapters = _LORA_RANK if rank is None else rank, 1 if adapters is None else adapters
    if adapters < 1:
        raise InputError("--lora-adapters", adapters, "Give a number of at least 1.")
    if rank not in LORA_RANKS:
        problem = f"vLLM has no slots of rank `{rank}` (`--lora-rank`)"
        larger = next((one for one in LORA_RANKS if one >= rank), LORA_RANKS[-1])
        hint = f"use {larger}; the ranks are {', '.join(map(str, LORA_RANKS))}"
        raise InputError("--lora-rank", rank, hint, problem=problem)
    if not lora.has_known_size(model):
        problem = f"the size of LoRA adapters on {model.name} ({model.family}) is not known"
        hint = "remove `--lora-adapters`, and compare a first boot with signalbox check-boot"
        raise InputError("--lora-adapters", adapters, hint, problem=problem)
    return Lora(adapters, rank)


def _speculative(request: KindFields, model: Architecture) -> Speculative | None:
    if request.speculative is None:
        if request.speculative_tokens is not None:
            problem = "`--speculative-tokens` requires `--speculative`"
            raise InputError("--speculative-tokens", request.speculative_tokens, "add it", problem=problem)
        return None
    method, _, draft = request.speculative.partition(":")
    method = method.strip().lower()
    if method not in _TOKENS or (method == "draft") != bool(draft):
        hint = "use `draft:MODEL`, `mtp` or `ngram`"
        raise InputError("--speculative", request.speculative, hint)
    if method == "mtp" and model.family not in MTP_FAMILIES:
        problem = f"{model.name} ({model.family}) has no MTP layer that vLLM 0.24.0 loads"
        raise InputError("--speculative", "mtp", "use `draft:MODEL` or `ngram`", problem=problem)
    tokens = _TOKENS[method] if request.speculative_tokens is None else request.speculative_tokens
    if tokens < 1:
        raise InputError("--speculative-tokens", tokens, "Give a number of at least 1.")
    return Speculative("mtp" if method == "mtp" else "draft" if draft else "ngram", tokens, draft)


def _draft(speculative: Speculative | None, model: Architecture, catalogue: Catalogue) -> Draft | None:
    """vLLM loads a draft unquantized unless its own files are, and only with the target's vocabulary."""
    if speculative is None or not speculative.model:
        return None
    draft = find_model(speculative.model, None, catalogue)
    if draft.vocab != model.vocab:
        problem = f"the draft `{draft.name}` has {draft.vocab} tokens, and {model.name} has {model.vocab}"
        hint = "name a smaller model of the same family: vLLM requires the same vocabulary"
        raise InputError("--speculative", speculative.model, hint, problem=problem)
    return Draft(draft, catalogue.quantization(draft.checkpoint_quantization or "bf16"))


def _offload(request: KindFields) -> float:
    gib = request.cpu_offload or 0.0
    if not 0 <= gib <= _MOST_OFFLOAD_GIB:
        raise InputError(
            "--cpu-offload-gb", gib, "Give the GiB of weights per GPU to keep in the host's memory."
        )
    return gib


def _gpu_layers(request: KindFields, model: Architecture) -> int | Literal["auto"] | None:
    text = request.gpu_layers
    if text is None or text.strip().lower() == ALL_THAT_FIT:
        return None if text is None else "auto"
    if not text.strip().isdigit() or int(text) > model.layers + 1:
        problem = f"`--gpu-layers` {text}: {model.name} has {model.layers} layers, and the output matrix counts as one"
        hint = f"use `auto`, or a number from 0 to {model.layers + 1}"
        raise InputError("--gpu-layers", text, hint, problem=problem)
    return int(text)


def _data_parallel(request: KindFields, model: Architecture) -> int:
    size = request.data_parallel
    if size < 1:
        raise InputError("--data-parallel", size, "Give a number of at least 1.")
    if size > 1 and model.moe is None:
        problem = (
            f"{model.name} has no experts: {size} data-parallel ranks are {size} servers that share nothing"
        )
        hint = "remove `--data-parallel`, and set replicas in the values"
        raise InputError("--data-parallel", size, hint, problem=problem)
    return size


def _expert_parallel(request: KindFields, model: Architecture) -> bool:
    if request.expert_parallel and model.moe is None:
        problem = f"`--expert-parallel` needs a mixture of experts, and {model.name} is none"
        raise InputError("--expert-parallel", True, "remove it", problem=problem)
    return request.expert_parallel
