"""Parsers of boot logs, on logs of several versions; tests/data/boots/README.md says which are real."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.parse import parse, read_log
from signalbox.capacity.units import GIB, MIB
from signalbox.errors import InputError

BOOTS = Path(__file__).parents[3] / "data" / "boots"


def boot(name: str) -> MeasuredBoot:
    return read_log(BOOTS / f"{name}.log")


def gib(count: int | None) -> float | None:
    return None if count is None else round(count / GIB, 2)


@pytest.mark.parametrize(
    ("name", "version", "weights", "activation", "non_torch", "graphs", "cache", "tokens", "requests"),
    [
        ("vllm-0.6-v0-engine", "0.6.5", 15.51, 1.16, 0.28, 0.27, 4.36, 81_632, 9.96),
        ("vllm-0.11-h100-gpt-oss-20b", "0.11.0", 13.47, 7.38, 0.13, 1.02, 50.28, 1_098_336, 90.26),
        ("vllm-0.19-h100-llama-8b-tp4", "0.19.0", 3.77, 1.89, 2.13, 0.67, 67.44, 2_209_792, 269.75),
        ("vllm-0.29-a100-llama-8b", "0.29.0", 15.0, 1.21, 0.26, 0.23, 56.21, 460_496, 3.51),
    ],
)
def test_reads_all_terms_of_each_version_of_vllm(
    name: str,
    version: str,
    weights: float,
    activation: float,
    non_torch: float,
    graphs: float,
    cache: float,
    tokens: int,
    requests: float,
) -> None:
    measured = boot(name)
    assert (measured.engine, measured.version, measured.error) == ("vllm", version, None)
    terms = (
        measured.weights_bytes,
        measured.activation_bytes,
        measured.non_torch_bytes,
        measured.graphs_bytes,
    )
    assert tuple(map(gib, terms)) == (weights, activation, non_torch, graphs)
    assert (gib(measured.kv_bytes), measured.kv_tokens, measured.max_concurrency) == (cache, tokens, requests)


def test_reads_what_was_started_from_config_and_arguments() -> None:
    measured = boot("vllm-0.19-h100-llama-8b-tp4")
    assert measured.model == "meta-llama/Llama-3.1-8B-Instruct"
    assert (measured.dtype, measured.quantization, measured.kv_dtype, measured.eager) == (
        "bfloat16",
        None,
        "auto",
        False,
    )
    assert (measured.context, measured.concurrency, measured.batched_tokens) == (8192, 1024, 8192)
    assert (measured.tensor_parallel, measured.pipeline_parallel, measured.memory_utilization) == (4, 1, 0.95)
    assert boot("vllm-0.11-h100-gpt-oss-20b").quantization == "mxfp4"


def test_ranks_that_differ_give_the_largest_use_and_a_note() -> None:
    notes = boot("vllm-0.19-h100-llama-8b-tp4").notes
    assert "weights: 4 ranks, 3.76–3.77 GiB; the largest is used" in notes
    assert "non_torch: 4 ranks, 2.07–2.13 GiB; the largest is used" in notes


def test_ranks_with_different_caches_give_the_smallest() -> None:
    lines = [
        "(Worker_TP0 pid=1) INFO [gpu_worker.py:1] Available KV cache memory: 17.79 GiB",
        "(Worker_TP1 pid=2) INFO [gpu_worker.py:1] Available KV cache memory: 17.73 GiB",
    ]
    assert gib(parse(lines).kv_bytes) == 17.73


def test_of_several_boots_the_last_one_is_read() -> None:
    measured = boot("vllm-0.19-h100-llama-8b-tp4")
    assert measured.error is None  # the first boot in this log failed
    assert "the log has 2 boots; this is the last one" in measured.notes


def test_arguments_of_an_earlier_boot_do_not_reach_the_last_one() -> None:
    config = (
        "Initializing a V1 LLM engine (v0.19.0) with config: model='m', max_seq_len=100, quantization=None"
    )
    lines = [
        "non-default args: {'model': 'm', 'max_num_seqs': 7}",
        config,
        "Model loading took 1.0 GiB memory",
        "non-default args: {'model': 'm'}",
        config,
        "Model loading took 2.0 GiB memory",
    ]
    measured = parse(lines)
    assert (measured.concurrency, gib(measured.weights_bytes)) == (None, 2.0)


def test_the_form_that_counts_the_graph_estimate_as_activation_is_undone() -> None:
    measured = boot("vllm-0.29-a100-llama-8b")
    assert gib(measured.graphs_estimate_bytes) == 0.23
    assert gib(measured.activation_bytes) == round(1.44 - 0.23, 2)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("vllm-0.19-h100-no-memory", "Free memory on device cuda:1 (60.33/79.19 GiB)"),
        ("vllm-0.11-4090-context", "To serve at least one request with the models's max seq len (118000)"),
    ],
)
def test_reads_why_a_boot_failed(name: str, begins: str) -> None:
    error = boot(name).error
    assert error is not None
    assert error.startswith(begins)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR [core.py:1] ValueError: No available memory for the cache blocks. Try increasing",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has a total capacity of 44.40 GiB",
        "ValueError: To serve at least one request with the model's max seq len (4096), (0.58 GiB KV cache",
    ],
)
def test_a_log_that_holds_only_the_failure_is_a_boot(line: str) -> None:
    assert parse([line]).error is not None


def test_a_failure_after_the_start_is_none_of_the_boot() -> None:
    assert boot("vllm-0.11-h100-gpt-oss-20b").error is None


def test_old_llama_server_gives_the_buffers_of_the_gpu_only() -> None:
    measured = boot("llama-server-2024-v100")
    assert (measured.engine, measured.version, measured.gpu) == ("llamacpp", "b4191", "Tesla V100-PCIE-16GB")
    assert (measured.quantization, measured.kv_dtype) == ("q4_k_m", "f16")
    assert measured.weights_bytes == round(4403.49 * MIB)  # written with a decimal comma in this log
    assert (measured.kv_bytes, measured.activation_bytes) == (1024 * MIB, 560 * MIB)
    assert (measured.context, measured.concurrency, measured.kv_tokens) == (2048, 4, 8192)


def test_llama_server_on_two_gpus_gives_the_fuller_one() -> None:
    measured = boot("llama-server-2026-2gpus")
    assert measured.weights_bytes == round(7016.23 * MIB)  # not the fitting run's 1 MiB before it
    assert measured.kv_bytes == round(3323.5 * MIB)
    assert measured.activation_bytes == round(654.78 * MIB)
    assert (measured.total_bytes, measured.tensor_parallel) == (24135 * MIB, 2)
    assert "2 GPUs share the layers: the largest buffer of each kind is used" in measured.notes
    assert "only 60 of 65 layers are on the GPU" in measured.notes


def test_caches_of_one_gpu_add_up() -> None:
    lines = [
        "load_tensors:        CUDA0 model buffer size = 1.00 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =   8.00 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =   2.00 MiB",
    ]
    assert parse(lines).kv_bytes == 10 * MIB


def test_real_llama_server_on_a_cpu() -> None:
    measured = boot("llama-server-cpu-smollm2")
    assert measured.model == "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    assert (measured.context, measured.concurrency, measured.quantization) == (2048, 2, "q4_1")
    assert (measured.weights_bytes, measured.kv_bytes) == (round(92.1 * MIB), 90 * MIB)
    assert measured.notes == ("no layer is on a GPU: these are buffers in the host's memory",)


def test_silent_llama_server_is_told_how_to_speak() -> None:
    with pytest.raises(InputError, match=r"-lv 4"):
        boot("llama-server-silent")


def test_other_text_names_both_formats_and_the_missing_lines(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"hello\n\xff\xfe GiB memory\n" * 3)
    with pytest.raises(
        InputError, match=r"no vLLM or llama\.cpp startup found.*“Model loading took.*llama\.cpp: no line"
    ):
        read_log(path)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_log(tmp_path / "none.log")


@pytest.mark.parametrize(
    ("size", "expected"),
    [("15.5083 GB", 15.5083 * GIB), ("512 MiB", 512 * MIB), ("512MiB", 512 * MIB), ("-0.94GiB", -0.94 * GIB)],
)
def test_reads_every_spelling_of_a_size(size: str, expected: float) -> None:
    assert parse([f"Model loading took {size} memory"]).weights_bytes == round(expected)


def test_a_cache_of_given_size_is_told_apart() -> None:
    lines = [
        "Model loading took 15.27 GiB memory",
        "Initial free memory 77.91 GiB, reserved 5.32 GiB memory for KV Cache as specified by kv_cache_memory_bytes",
    ]
    measured = parse(lines)
    assert (gib(measured.kv_bytes), measured.kv_is_option) == (5.32, True)


def test_colours_and_time_stamps_do_not_hide_a_line() -> None:
    line = "2025-12-01T10:00:00Z \x1b[1;36m(EngineCore pid=9)\x1b[0;0m INFO Model loading took \x1b[1m2.5\x1b[0m GiB memory"
    assert gib(parse([line]).weights_bytes) == 2.5
