"""The planner's input: a request with names and numbers, checked and resolved against the catalogue into specs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.hardware.select import Figures, select_gpu
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.models.catalogue_names import dynamic_note
from signalbox.capacity.models.sources import find_model
from signalbox.capacity.models.task_lengths import TaskLengths, find_tokenizer, task_lengths
from signalbox.capacity.planner.checkpoints import copies, repository
from signalbox.capacity.planner.choose import auto_dtype, by_quality, ranks
from signalbox.capacity.planner.kinds import resolve_kinds
from signalbox.capacity.planner.request_fields import KindFields
from signalbox.capacity.serving import ALL_THAT_FIT, PLAIN, Serving
from signalbox.capacity.spec import Architecture, Draft, EngineVersion, Gpu, Quantization, Spec
from signalbox.capacity.support.check import check_numbers
from signalbox.capacity.support.matrix import load_support
from signalbox.errors import InputError
from signalbox.tasks import load_task

AUTO = "auto"
_DEFAULT_CONTEXT = 8192
_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32", "float": "float32"}
# Formats that stand for several quantizations; the checkpoint declares which of them it has.
_CONTAINERS = {
    "compressed-tensors": ("fp8", "w8a8-int8", "w4a16"),
    "modelopt": ("fp8", "nvfp4"),
    "gguf": ("gguf-q4_k_m", "gguf-q8_0"),
}
_USUAL_GGUF = "gguf-q4_k_m"  # what `llama-server -hf` and Ollama load by default
_KNOWN_DTYPES = ("bfloat16", "float16", "float32")


class Request(KindFields):
    """One request to the planner. It chooses what is None or "auto", and the answer notes the choice."""

    model: str | None = Field(default=None, description="Catalogue name or hf:ORG/NAME.")
    gpu: str = Field(default="", description="L4, or 2xL4; empty in a ranking.")
    gpu_memory: float | None = Field(default=None, description="Memory of the GPU in GB, in place of a name.")
    capability: float | None = Field(default=None, description="Compute capability of that GPU.")
    bandwidth: float | None = Field(default=None, description="Memory bandwidth of that GPU in GB/s.")
    config: Path | None = Field(default=None, description="A config.json, for a model outside the catalogue.")
    fallback: bool = Field(default=False, description="Read an unknown architecture as a plain decoder.")
    engine: str = "vllm"
    engine_version: str | None = None
    quantization: str = AUTO
    dtype: str = AUTO
    kv_dtype: str = AUTO
    context: int | None = None
    concurrency: int | None = None
    batched_tokens: int | None = None
    tensor_parallel: int | None = None
    pipeline_parallel: int = 1
    gpus_per_node: int = Field(
        default=8, description="Most GPUs of one node: tensor parallelism stays inside."
    )
    memory_utilization: float | None = None
    eager: bool = False
    images: int | None = Field(default=None, description="Most images in a prompt; 0 serves text only.")
    image_pixels: int | None = Field(default=None, description="Pixels of the largest image.")
    allow_unproven: bool = Field(default=False, description="Overrule support rules that lack a proof.")
    task: Path | None = None


@dataclass(frozen=True)
class Question:
    """A request with its names resolved."""

    request: Request
    model: Architecture
    gpu: Gpu
    count: int
    engine: EngineVersion
    quantizations: tuple[Quantization, ...]  # in the order to try
    context: int
    lengths: TaskLengths | None
    notes: tuple[str, ...] = ()  # on how names were read
    serving: Serving = PLAIN
    draft: Draft | None = None
    obtainable: frozenset[str] | None = None  # quantizations with known files; None: any is served as it is

    def specs(self) -> Iterator[Spec]:
        """Best quantization first, for each the fewest GPUs first."""
        for quantization in self.quantizations:
            for tensor_parallel, stages in self._layouts():
                yield self.spec(quantization, tensor_parallel, stages)

    def _layouts(self) -> Iterator[tuple[int, int]]:
        """Tensor-parallel ranks and pipeline stages: ranks stay inside a node, stages go across nodes."""
        request, node = self.request, self.request.gpus_per_node
        stages = request.pipeline_parallel
        if request.tensor_parallel is not None:
            yield request.tensor_parallel, stages
            return
        inside = max(1, self.count // stages // self.serving.data_parallel)
        for size in ranks(self.gpu, min(inside, node)):
            yield size, stages
        if stages == 1 and self.count > node and self.gpu.slice_of is None:
            yield from ((node, hosts) for hosts in range(2, self.count // node + 1))

    def spec(self, quantization: Quantization, tensor_parallel: int, stages: int | None = None) -> Spec:
        request = self.request
        return Spec(
            model=self.model,
            gpu=self.gpu,
            engine=self.engine,
            quantization=quantization,
            dtype=_dtype(request.dtype) or auto_dtype(self.model, self.gpu, quantization),
            context=self.context,
            kv_dtype=request.kv_dtype,
            tensor_parallel=tensor_parallel,
            pipeline_parallel=stages or request.pipeline_parallel,
            concurrency=request.concurrency,
            batched_tokens=request.batched_tokens,
            memory_utilization=request.memory_utilization,
            eager=request.eager,
            # Model runner V2 of vLLM 0.24 leaves these to the first one (config/vllm.py).
            runner="v1" if self._first_runner else None,
            serving=self.serving,
            draft=self.draft,
            images=request.images if self.model.multimodal else None,
            image_pixels=request.image_pixels if self.model.multimodal else None,
        )

    @property
    def _first_runner(self) -> bool:
        speculative = self.serving.speculative
        return self.serving.pooling or (speculative is not None and speculative.method != "mtp")


def resolve(request: Request, catalogue: Catalogue) -> Question:
    """Look up the names of a request. Raises InputError for unknown names and for numbers out of range."""
    _check_numbers(request)
    _dtype(request.dtype)
    model = find_model(request.model, request.config, catalogue, fallback=request.fallback)
    if (request.images or 0) < 0:
        raise InputError("--images", request.images, "Give 0 for text only, or a number of images.")
    figures = Figures(request.gpu_memory, request.capability, request.bandwidth)
    selection = select_gpu(request.gpu, figures, catalogue)
    count, gpu = selection.count, selection.gpu
    engine = catalogue.engine(request.engine, request.engine_version)
    lengths = None
    if request.task is not None:
        tokenizer = find_tokenizer(model.name, request.config)
        lengths = task_lengths(load_task(request.task), *(tokenizer or ()))
    serving, draft = resolve_kinds(request, model, engine, catalogue)
    needed = (request.tensor_parallel or 1) * request.pipeline_parallel * request.data_parallel
    if count is not None and needed > count:
        option = (
            "--data-parallel" if request.data_parallel > 1 else "--tp" if request.tensor_parallel else "--pp"
        )
        problem = f"`{option}` requires {needed} GPUs, and `--gpu` names {quantity(count, gpu.name)}"
        hint = f"write `--gpu {needed}x{gpu.product}`, or lower `{option}`"
        raise InputError(option, needed, hint, problem=problem)
    if (request.tensor_parallel or 1) > request.gpus_per_node:
        problem = f"`--tp` {request.tensor_parallel} spans more than one node of {request.gpus_per_node} GPUs"
        hint = "use `--pp` across nodes, or state `--gpus-per-node`"
        raise InputError("--tp", request.tensor_parallel, hint, problem=problem)
    return Question(
        request=request,
        model=model,
        gpu=gpu,
        count=count or needed,
        engine=engine,
        quantizations=_quantizations(request, model, engine, catalogue),
        obtainable=None if model.checkpoint_quantization else _obtainable(request, model, engine),
        context=request.context or _context(model, lengths),
        lengths=lengths,
        notes=(
            *selection.notes,
            *filter(None, (dynamic_note(request.model or ""), _text_only(request, model))),
        ),
        serving=serving,
        draft=draft,
    )


def _quantizations(
    request: Request, model: Architecture, engine: EngineVersion, catalogue: Catalogue
) -> tuple[Quantization, ...]:
    name, own = request.quantization.lower(), model.checkpoint_quantization
    if name in _CONTAINERS:
        if own is None:
            problem = (
                f"`--quantization {request.quantization}` is a file format that several quantizations use"
            )
            hint = (
                f"name the quantization, for example {' or '.join(f'`{row}`' for row in _CONTAINERS[name])}"
            )
            raise InputError("--quantization", request.quantization, hint, problem=problem)
        return (catalogue.quantization(own),)
    if name != AUTO:
        return (catalogue.quantization(request.quantization),)
    if request.gpu_layers == ALL_THAT_FIT and own is None:
        return (catalogue.quantization(_USUAL_GGUF),)  # with layers on the CPU every type fits
    return by_quality(model, catalogue.quantizations, engine.name, _obtainable(request, model, engine))


def _obtainable(request: Request, model: Architecture, engine: EngineVersion) -> frozenset[str]:
    """Quantizations whose files are known, or that the engine computes while loading."""
    name = (request.model or model.name).removeprefix("hf:")
    computed = load_support().while_loading.get(engine.name, ())
    return frozenset((*copies(repository(name, model.name)), *computed))


def _text_only(request: Request, model: Architecture) -> str | None:
    wishes = {"`--images`": request.images, "`--image-pixels`": request.image_pixels}
    options = " and ".join(name for name, value in wishes.items() if value)
    return (
        f"no effect of {options}: {model.name} reads text only" if options and not model.multimodal else None
    )


def _context(model: Architecture, lengths: TaskLengths | None) -> int:
    if lengths is not None:
        return lengths.context
    return min(_DEFAULT_CONTEXT, model.max_positions)


def _dtype(text: str) -> str | None:
    """The dtype as engines write it; None for auto."""
    name = _DTYPES.get(text.lower(), text.lower())
    if name == AUTO:
        return None
    if name not in _KNOWN_DTYPES:
        raise InputError("--dtype", text, f"Use auto, {', '.join(_KNOWN_DTYPES)}.")
    return name


def _check_numbers(request: Request) -> None:
    at_least_one = {
        "--context": request.context,
        "--concurrency": request.concurrency,
        "--batched-tokens": request.batched_tokens,
        "--tp": request.tensor_parallel,
        "--pp": request.pipeline_parallel,
        "--gpus-per-node": request.gpus_per_node,
        "--image-pixels": request.image_pixels,
    }
    check_numbers(at_least_one, "--gpu-memory-utilization", request.memory_utilization)


def tensor_parallel(text: str) -> int | None:
    """The number of `--tp`; None for auto."""
    if text.strip().lower() == AUTO:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InputError("--tp", text, "Use auto, or a number such as 2.") from error
