"""The catalogue: names as people write them are matched, unknown ones get suggestions."""

import pytest

from signalbox.capacity.models import catalogue
from signalbox.errors import InputError

CATALOGUE = catalogue.load()


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("L4", "l4"),
        ("NVIDIA-L4", "l4"),
        ("Tesla T4", "t4"),
        ("H100-SXM5-80GB", "h100"),
        ("NVIDIA-H100-80GB-HBM3", "h100"),
        ("A100-40", "a100-40gb"),
        ("a100 80", "a100-80gb"),
        ("RTX 4090", "rtx-4090"),
        ("NVIDIA-GeForce-RTX-4090", "rtx-4090"),
        ("NVIDIA-L40S-SHARED", "l40s"),
        ("h100-mig-1g.10gb", "h100-mig-1g.10gb"),
        ("A6000", "rtx-a6000"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("RTX 4070 Ti SUPER", "rtx-4070-ti-super"),
        ("AMD Instinct MI300X", "mi300x"),
        ("Gaudi 3", "gaudi-3"),
        ("M4 Max", "m4-max"),
        ("DGX Spark", "gb10"),
    ],
)
def test_finds_a_gpu_as_people_write_it(spelling, name):
    assert CATALOGUE.gpu(spelling).name == name


@pytest.mark.parametrize(
    ("spelling", "name", "quantization"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B", None),
        ("llama-3.1-8b", "meta-llama/Llama-3.1-8B", None),
        ("Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B", None),
        ("Meta-Llama-3-8B-Instruct", "meta-llama/Meta-Llama-3-8B", None),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8", "meta-llama/Llama-3.3-70B-Instruct", "fp8"),
        ("RedHatAI/Llama-3.3-70B-Instruct-fp8-dynamic", "meta-llama/Llama-3.3-70B-Instruct", "fp8"),
        ("redhatai/Qwen2.5-7B-Instruct-quantized.w8a8", "Qwen/Qwen2.5-7B-Instruct", "w8a8-int8"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "meta-llama/Llama-3.1-8B", "w4a16"),
        ("Qwen/Qwen3-14B-AWQ", "Qwen/Qwen3-14B", "awq-int4"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", "Qwen/Qwen2.5-7B-Instruct", "gptq-int8"),
        ("unsloth/gemma-2-9b-it-bnb-4bit", "google/gemma-2-9b-it", "bnb-nf4"),
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b", "mxfp4"),
        ("qwen3:32b", "Qwen/Qwen3-32B", "gguf-q4_k_m"),
        ("qwen3:14b", "Qwen/Qwen3-14B", "gguf-q4_k_m"),
        ("qwen3:14b-q8_0", "Qwen/Qwen3-14B", "gguf-q8_0"),
        ("llama3.1:8b-instruct-fp16", "meta-llama/Llama-3.1-8B", "gguf-f16"),
        ("gpt-oss:20b", "openai/gpt-oss-20b", "gguf-mxfp4"),
        ("unsloth/Qwen3-14B-GGUF:UD-Q4_K_XL", "Qwen/Qwen3-14B", "gguf-q4_k_m"),
        ("unsloth/Qwen3-14B-GGUF:IQ3_XXS", "Qwen/Qwen3-14B", "gguf-iq3_xxs"),
        ("Qwen3-14B-UD-Q2_K_XL.gguf", "Qwen/Qwen3-14B", "gguf-q2_k"),
        ("Qwen3-14B-IQ4_XS.gguf", "Qwen/Qwen3-14B", "gguf-iq4_xs"),
        ("Qwen2-5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", None),
        ("qwen3:32b Q4_K_M", "Qwen/Qwen3-32B", "gguf-q4_k_m"),
        ("opt-1.3b", "facebook/opt-1.3b", None),
    ],
)
def test_finds_a_model_and_the_quantization_that_its_name_ends_in(spelling, name, quantization):
    architecture = CATALOGUE.model(spelling).architecture
    assert architecture.checkpoint_quantization == quantization
    assert architecture.parameters == CATALOGUE.model(name).architecture.parameters


@pytest.mark.parametrize(
    ("look_up", "wrong", "nearest"),
    [
        (CATALOGUE.gpu, "L5", "`l4`, `l40` or `l40s`"),
        (CATALOGUE.gpu, "MI350Z", "mi300x"),
        (CATALOGUE.gpu, "M9 Max", "-max`"),
        (CATALOGUE.model, "Lama-3-8b", "meta-llama/Meta-Llama-3-8B"),
        (CATALOGUE.quantization, "awqq", "awq-int4"),
        (CATALOGUE.engine, "vlm", "vllm"),
    ],
)
def test_an_unknown_name_suggests_similar_ones(look_up, wrong, nearest):
    with pytest.raises(InputError, match="unknown") as caught:
        look_up(wrong)
    assert nearest in caught.value.hint
    assert f"`{wrong}`" in str(caught.value)


@pytest.mark.parametrize(
    ("spelling", "version", "regime"),
    [
        ("vLLM 0.19.0", "0.19.0", "vllm-0.20"),
        ("vLLM ~0.11", "0.11", "vllm-0.16"),
        ("vllm:v0.24.0", "0.24.0", "vllm-0.24"),
        ("vLLM 0.22.1", "0.22.1", "vllm-0.23"),
        ("vLLM 0.30", "0.30", "vllm-0.30"),
        ("llama.cpp b6000", "b6000", "llamacpp"),
    ],
)
def test_a_version_belongs_to_the_regime_that_began_before_it(spelling, version, regime):
    engine = CATALOGUE.engine(spelling)
    assert (engine.version, engine.regime) == (version, regime)


def test_the_default_share_of_the_gpu_rose_with_the_engine():
    assert CATALOGUE.engine("vllm", "0.19.0").memory_utilization == 0.9
    assert CATALOGUE.engine("vllm", "0.24.0").memory_utilization == 0.92


def test_a_version_without_a_number_is_an_input_error():
    with pytest.raises(InputError, match="number"):
        CATALOGUE.engine("vllm", "latest")


def test_every_name_and_alias_finds_its_own_row():
    for rows, look_up in (
        (CATALOGUE.gpus, CATALOGUE.gpu),
        (CATALOGUE.quantizations, CATALOGUE.quantization),
    ):
        names = {row.name for row in rows}
        for row in rows:
            assert look_up(row.name) is row
            assert all(look_up(alias) is row for alias in row.aliases if alias not in names), row.name
    for model in CATALOGUE.models:
        counts = {name: CATALOGUE.model(name).architecture.parameters for name in model.names}
        assert all(count == model.architecture.parameters for count in counts.values()), counts


def test_every_row_states_its_source_and_every_gpu_shows_less_than_it_has():
    for row in (*CATALOGUE.gpus, *CATALOGUE.models, *CATALOGUE.quantizations, *CATALOGUE.engines):
        assert row.source, row.name
    for gpu in CATALOGUE.gpus:
        assert gpu.total_gib <= gpu.nvidia_smi_mib / 1024 or gpu.slice_of, gpu.name


def test_a_version_without_its_last_number_is_that_release():
    assert CATALOGUE.engine("vllm", "0.24").regime == CATALOGUE.engine("vllm", "0.24.0").regime
