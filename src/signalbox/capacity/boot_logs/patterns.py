"""The lines of boot logs about memory, as tables of patterns: vLLM 0.6 to 0.30, llama.cpp of 2024 to 2026.

A named group is the field of `boot.MeasuredBoot` that it fills; `parse.py` converts `kv_blocks`, `kv_option_bytes`,
`peak_bytes`, `total_mib` and `offloaded` into such fields. A `_bytes` group includes its unit.
"""

from __future__ import annotations

import re

_SIZE = r"-?[\d.,]+ ?[KMGT]i?B"


def _table(*lines: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(line.replace("SIZE", _SIZE)) for line in lines)


VLLM = _table(
    r"Model loading took (?P<weights_bytes>SIZE)",
    r"Loading model weights took (?P<weights_bytes>SIZE)",
    r"model weights take (?P<weights_bytes>SIZE)",
    r"; weights memory: (?P<weights_bytes>SIZE)",
    r"non_torch_memory takes (?P<non_torch_bytes>SIZE)",
    r"non-torch forward increase memory: (?P<non_torch_bytes>SIZE)",
    r"total consumed \(from mem_get_info\): (?P<consumed_bytes>SIZE)",
    r"activation peak memory takes (?P<activation_bytes>SIZE)",
    r"torch peak memory increase: (?P<activation_bytes>SIZE)",
    r"Actual usage(?: is|:) (?P<weights_bytes>SIZE) for weights?, (?P<activation_bytes>SIZE) for peak activation, "
    r"(?P<non_torch_bytes>SIZE) for non-torch memory, (?:and )?(?P<graphs_bytes>SIZE) for",
    r"Actual usage is (?P<consumed_bytes>SIZE) for consumed memory[^,]*, (?P<peak_bytes>SIZE) for peak activation, "
    r"and (?P<graphs_bytes>SIZE) for",
    r"Estimated CUDA graph memory: (?P<graphs_estimate_bytes>SIZE)",
    r"Graph capturing finished in .*?took (?P<graphs_bytes>SIZE)",
    r"CUDA graph pool memory: (?P<graphs_bytes>SIZE) \(actual\), (?P<graphs_estimate_bytes>SIZE) \(estimated\)",
    r"reserved for KV Cache is (?P<kv_bytes>SIZE)",
    r"reserved (?P<kv_option_bytes>SIZE) memory for KV Cache as specified",
    r"Available KV cache memory: (?P<kv_bytes>SIZE)",
    r"GPU KV cache size: (?P<kv_tokens>[\d,]+) tokens",
    r"# (?:GPU|cuda) blocks: (?P<kv_blocks>\d+)",
    r"num_gpu_blocks is: (?P<kv_blocks>\d+)",
    r"Maximum concurrency for (?P<context>[\d,]+) tokens per request: (?P<max_concurrency>[\d.]+)x",
    r"total_gpu_memory \((?P<total_bytes>SIZE)\) x gpu_memory_utilization \((?P<memory_utilization>[\d.]+)\)",
    r"Free memory on device[^(]*\([\d.]+/(?P<total_bytes>SIZE)\) on startup",
    r"[Dd]esired GPU memory utilization (?:is )?\((?P<memory_utilization>[\d.]+), ",
    r"Requested memory: (?P<memory_utilization>[\d.]+) \(util\)",
    r"has a total capacity of (?P<total_bytes>SIZE)",
    r"Chunked prefill is enabled with max_num_batched_tokens=(?P<batched_tokens>\d+)",
    r"device_name=(?P<gpu>[\w-]+)",
    r"(?P<cold>Compiling a graph for|Directly load (?:the|AOT) )",
    r"vLLM (?:API )?server version v?(?P<version>\d[\w.+]*)",
)
VLLM_BEGINS = re.compile(r"Initializing an? (?:V\d )?LLM engine \(v(?P<version>[\w.+]+)\) with config")
VLLM_READY = re.compile(r"Application startup complete")  # what follows is service: no line of it is a boot's
VLLM_CONFIG = _table(
    r"with config: model='?(?P<model>[^',]+)",
    r"\bdtype=(?:torch\.)?(?P<dtype>\w+)",
    r"max_seq_len=(?P<context>\d+)",
    r"tensor_parallel_size=(?P<tensor_parallel>\d+)",
    r"pipeline_parallel_size=(?P<pipeline_parallel>\d+)",
    r"\bquantization=(?P<quantization>[\w.-]+)",
    r"enforce_eager=(?P<eager>\w+)",
    r"kv_cache_dtype=(?:torch\.)?(?P<kv_dtype>\w+)",
)
VLLM_ARGUMENTS_BEGIN = re.compile(r"\bargs: (?:\{|Namespace\()")
VLLM_ARGUMENTS = _table(
    r"\bgpu_memory_utilization(?:': |=)(?P<memory_utilization>[\d.]+)",
    r"\bmax_num_seqs(?:': |=)(?P<concurrency>\d+)",
    r"\bmax_num_batched_tokens(?:': |=)(?P<batched_tokens>\d+)",
)
VLLM_ERRORS = _table(
    r"Free memory on device.*is less than desired.*",
    r"No available memory for the cache blocks.*",
    r"To serve at least one request with the model'?s'?s? max seq len.*",
    r"CUDA out of memory\. Tried to allocate.*",
    r"Bfloat16 is only supported on GPUs with compute capability.*",
    r"Total number of attention heads.*must be divisible.*",
)

BUFFER = re.compile(
    r"\w+:\s+(?P<device>[A-Za-z][\w\[\].:-]*)\s+(?:(?P<kind>model|KV|RS|compute|output) )?\s*"
    rf"buffer size\s*=\s*(?P<size>{_SIZE})"
)
LLAMA = _table(
    r"(?:llama_context|llama_new_context_with_model): n_ctx\s*= (?P<kv_tokens>\d+)",
    r"n_ctx_(?:per_)?seq\s*= (?P<context>\d+)",
    r"n_seq_max\s*= (?P<concurrency>\d+)",
    r"n_slots = (?P<concurrency>\d+)",
    r"n_ctx_slot = (?P<context>\d+)",
    r"n_ubatch\s*= (?P<batched_tokens>\d+)",
    r"size\s*=\s*SIZE.*\bK \((?P<kv_dtype>\w+)\)",
    r"size\s*=\s*SIZE.*\bV \((?P<value_dtype>\w+)\)",
    r"kv_unified\s*= (?P<unified>true|false)",
    r"flash_attn\s*= (?P<flash>\w+)",
    r"(?:file type|model ftype)\s*= (?P<quantization>\S+(?: - (?:Small|Medium|Large))?)",
    r"loading model '(?P<model>[^']+)'",
    r"key-value pairs and \d+ tensors from (?P<model>\S+) \(version",
    r"build(?: =|:)? (?P<version>[1-9]\d*) \(",
    r"\bDevice \d+: (?P<gpu>[^,]+), compute",
    r"using device (?!CPU)\w+ \((?P<gpu>.+?)\) (?:\(|-)",
    r"\|\s+- (?!Host)\w+ \((?P<gpu>[^)]+)\)\s+\|\s*(?P<total_mib>\d+) =",
    r"offloaded (?P<offloaded>\d+/\d+) layers",
)
LLAMA_ERRORS = _table(
    r"allocating .* on device \d+: \w+ failed: out of memory.*",
    r"failed to allocate .*buffer.*",
    r"unable to allocate \w+ buffer.*",
    r"(?:error loading|failed to load) model.*",
)
# Buffers of an earlier load or context (a fitting run, a restart) end where the next one begins.
LLAMA_LOADS = re.compile(r"load_tensors: (?:loading model tensors|ggml ctx size)")
LLAMA_CONTEXT = re.compile(r"constructing llama_context|llama_new_context_with_model: n_ctx ")
HOST = re.compile(r"^CPU|_Host$|^BLAS")
