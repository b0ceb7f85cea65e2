"""The GPU of a plan: by its name, by its memory alone, or the one of this machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from signalbox.capacity.hardware.detect import LocalGpu, local_gpus
from signalbox.capacity.hardware.inventory import parse_gpu
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.models.catalogue_names import gpu_key
from signalbox.capacity.spec import Gpu
from signalbox.errors import InputError

AUTO = "auto"
_RESERVE_GIB = 0.75  # the largest driver reserve observed between the nominal size and what CUDA reports
_LARGEST_GB = 4096.0
_MIB = 1024
_SAME_SIZE = 0.06  # a tool reports a little less than the nominal size


@dataclass(frozen=True)
class Selection:
    """GPU, count (None where none was written), and what a reader should know of the choice."""

    count: int | None
    gpu: Gpu
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What the command line states about a GPU: memory in GB, compute capability, GB/s."""

    memory: float | None = None
    capability: float | None = None
    bandwidth: float | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.memory, self.capability, self.bandwidth))


def select_gpu(
    text: str,
    figures: Figures,
    rows: Catalogue,
    detect: Callable[[], Sequence[LocalGpu]] = local_gpus,
) -> Selection:
    """Raises InputError for an unknown name and figures out of range, SetupError where `auto` finds no GPU."""
    _check(figures)
    if text.strip().lower() == AUTO:
        return _local(detect(), figures, rows)
    if not text.strip():
        return Selection(None, _unnamed(figures))
    count, gpu = parse_gpu(text, rows.gpu)
    notes = variant_notes(text, gpu, rows.gpus)
    if figures:
        gpu, notes = _changed(gpu, figures), ()
    return Selection(count, gpu, notes)


def variant_notes(text: str, gpu: Gpu, gpus: Sequence[Gpu]) -> tuple[str, ...]:
    """That other variants exist, where the name that was written is the family's: a100, v100, h100."""
    family = gpu.name.split("-")[0]
    text_key = gpu_key(text)
    if gpu.slice_of is not None or text_key not in (gpu_key(family), *_counted(family)):
        return ()
    others = [
        row.product
        for row in gpus
        if row.name != gpu.name and row.slice_of is None and row.name.split("-")[0] == family
    ]
    if not others:
        return ()
    return (f"{gpu.product} of {gpu.nominal_gb:g} GB is planned; other variants: {', '.join(others)}",)


def _counted(family: str) -> Iterator[str]:
    """The family's name with a count before or behind it."""
    for count in range(1, 65):
        yield from (gpu_key(f"{count}x{family}"), gpu_key(f"{family}x{count}"), gpu_key(f"{count}{family}"))


def _check(figures: Figures) -> None:
    if figures.memory is not None and not 1 <= figures.memory <= _LARGEST_GB:
        raise InputError("--gpu-memory", figures.memory, f"State GB between 1 and {_LARGEST_GB:g}.")
    if figures.capability is not None and not 3 <= figures.capability < 20:
        raise InputError("--capability", figures.capability, "State the compute capability, such as 8.6.")
    if figures.bandwidth is not None and not 0 < figures.bandwidth < math.inf:
        raise InputError("--bandwidth", figures.bandwidth, "State GB/s above 0.")


def _unnamed(figures: Figures) -> Gpu:
    """A GPU of that memory and nothing else known."""
    if figures.memory is None:
        problem = "`--capability` and `--bandwidth` need the memory of the GPU"
        raise InputError("--gpu-memory", None, "add `--gpu-memory 48`, or name a GPU", problem=problem)
    blank = Gpu(
        name=f"{figures.memory:g}gb",
        aliases=(),
        nominal_gb=figures.memory,
        nvidia_smi_mib=0,
        total_gib=0.0,
        total_is_estimated=True,
        bandwidth_gbps=0.0,
        fp16_tflops=None,
        bf16_tflops=None,
        fp8_tflops=None,
        fp4_tflops=None,
        compute_capability=0.0,
        tdp_watts=None,
        nvlink_gbps=0.0,
        products=(),
        arm64=False,
        slice_of=None,
        source="the command line",
        tabled=False,
    )
    return _changed(blank, figures)


def _changed(gpu: Gpu, figures: Figures) -> Gpu:
    """The GPU with the figures of the command line; its total is the nominal size less the driver's reserve."""
    gpu = gpu if figures.memory is None else _resized(gpu, figures.memory)
    return replace(
        gpu,
        compute_capability=gpu.compute_capability if figures.capability is None else figures.capability,
        bandwidth_gbps=gpu.bandwidth_gbps if figures.bandwidth is None else figures.bandwidth,
    )


def _resized(gpu: Gpu, memory: float) -> Gpu:
    share = gpu.total_gib / gpu.nominal_gb if gpu.vendor == "apple" else None
    total = memory * share if share else memory - _RESERVE_GIB
    return replace(
        gpu,
        nominal_gb=memory,
        nvidia_smi_mib=int(memory * _MIB),
        total_gib=round(max(total, 0.25), 2),
        total_is_estimated=True,
    )


def _local(gpus: Sequence[LocalGpu], figures: Figures, rows: Catalogue) -> Selection:
    """The GPUs with the most memory; others are named in a note."""
    first = gpus[0]
    gpu = _known(first, rows) or _unnamed(
        Figures((first.memory_mib or 0) / _MIB or None, first.capability, None)
    )
    notes = [f"GPU auto: {first.count}× {first.name} by {first.tool}"]
    if first.memory_mib and abs(gpu.nvidia_smi_mib - first.memory_mib) > _SAME_SIZE * gpu.nvidia_smi_mib:
        gpu = _changed(gpu, Figures(memory=round(first.memory_mib / _MIB, 1)))
    if len(gpus) > 1:
        others = ", ".join(f"{row.count}× {row.name}" for row in gpus[1:])
        notes.append(f"not planned: {others}; --gpus ranks all of them")
    return Selection(first.count, _changed(gpu, figures) if figures else gpu, tuple(notes))


def _known(local: LocalGpu, rows: Catalogue) -> Gpu | None:
    """The catalogue's row for a tool's name; of several sizes, the one of that memory."""
    name = (
        local.name.replace("AMD Instinct ", "")
        .replace("AMD ", "")
        .replace("Radeon ", "")
        .replace("Apple ", "")
    )
    label = name.replace(" ", "-")
    same = [row for row in rows.gpus if f"NVIDIA-{label}" in row.products or label in row.products]
    if not same:
        try:
            same = [rows.gpu(name)]
        except InputError:
            return None
    return min(same, key=lambda row: abs(row.nvidia_smi_mib - (local.memory_mib or row.nvidia_smi_mib)))
