"""charts/model-server refuses what cannot work: each sentence names the key, its value and what to do instead."""

import pytest

from tests.charts.conftest import render, render_error

CHART = "model-server"
LLAMA = {"name": "meta-llama/Llama-3.1-8B-Instruct"}

REFUSED = {
    "bf16 on a T4": (
        {"model": LLAMA, "gpu": {"product": "T4"}},
        "bfloat16 requires compute capability 8.0 (Ampere or newer); T4 has 7.5. Nearest that fits: quantization",
    ),
    "bfloat16 on a T4, for a model that is not in the table": (
        {"model": {"name": "a/b"}, "gpu": {"product": "T4"}, "dtype": "bfloat16", "quantization": "awq-int4"},
        "dtype: bfloat16 needs compute capability 8.0; T4 has 7.5. Use dtype float16.",
    ),
    "FP8 arithmetic on an A100": (
        {"model": LLAMA, "gpu": {"product": "A100-80GB"}, "quantization": "fp8"},
        "fp8 requires compute capability 8.9 (Ada or newer); A100-80GB has 8.0. Nearest that fits:",
    ),
    "70B in bf16 on one L4": (
        {"model": {"name": "meta-llama/Llama-3.1-70B-Instruct"}},
        "does not fit: the weights take 134602 MiB a GPU of 22558 MiB. Nearest that fits:",
    ),
    "a context that is longer than the model": (
        {"model": LLAMA, "gpu": {"product": "H100"}, "context": 200000},
        "context: 200000 is more than meta-llama/Llama-3.1-8B was made for. It fits up to context 131072 here",
    ),
    "slots that hold more than the GPU does": (
        {
            "engine": "llamacpp",
            "model": {"name": "meta-llama/Llama-3.1-8B-Instruct", "file": "model.gguf"},
            "gpu": {"product": "T4"},
            "quantization": "gguf-q4_k_m",
            "context": 8192,
            "concurrency": 64,
        },
        "concurrency is 524288. Lower context or concurrency",
    ),
    "tensor parallelism over 3 GPUs": (
        {"model": LLAMA, "gpu": {"product": "H100", "count": 3}, "parallelism": {"tensor": 3}},
        "parallelism.tensor: 3 does not divide the attention heads (32, 8 of keys and values) or the width of"
        " meta-llama/Llama-3.1-8B. Use 1, 2, 4, 8, 16, 32.",
    ),
    "a cache that the download would fill": (
        {
            "model": {"name": "meta-llama/Llama-3.1-70B-Instruct"},
            "gpu": {"product": "H100", "count": 4},
            "parallelism": {"tensor": 4},
            "cache": {"size": "50Gi"},
        },
        "cache.size: 50Gi cannot hold the 132 GiB of meta-llama/Llama-3.1-70B-Instruct: the download would fill it. Give 158Gi",
    ),
    "GPUs that nothing uses": (
        {"gpu": {"count": 2}},
        "gpu.count: 2 GPUs, but parallelism.tensor 1",
    ),
    "TGI on arm64 nodes": (
        {"engine": "tgi", "gpu": {"product": "GB200"}},
        "engine: tgi on GB200: the nodes are arm64, and the image is made for amd64 only. Use engine vllm.",
    ),
    "TGI on a T4": (
        {"engine": "tgi", "gpu": {"product": "T4"}, "quantization": "fp16"},
        "engine: tgi is unproven on T4 (compute capability 7.5)",
    ),
    "a misspelt GPU": ({"gpu": {"product": "H1000"}}, "Near it: H100, H100-NVL, H100-PCIE."),
    "an unknown GPU": ({"gpu": {"product": "MI300X"}}, "is in no pool. Known: A10, A100-40GB,"),
    "labels that a cluster does not have": (
        {"gpu": {"product": "GB200", "labelSet": "eks"}},
        "has no labels for GB200. It has: gfd, gke.",
    ),
    "a volume beside the hub": (
        {"model": {"pvc": {"claimName": "models"}}},
        'model.pvc.claimName: "models" is set, but model.source is "hf".',
    ),
    "a hub's token beside a volume": (
        {
            "model": {
                "source": "pvc",
                "pvc": {"claimName": "models"},
                "token": {"existingSecret": "hf"},
            }
        },
        'model.token.existingSecret: "hf" is for a hub, but model.source is "pvc".',
    ),
    "a download without network": ({"airGapped": True}, '"hf" downloads, but airGapped is true.'),
    "autoscaling without metrics": (
        {"autoscaling": {"enabled": True, "metrics": []}},
        "autoscaling.metrics: is empty, so nothing would ever scale.",
    ),
    "autoscaling an engine without metrics": (
        {"engine": "ollama", "autoscaling": {"enabled": True}},
        "autoscaling.enabled: Ollama has no metrics to scale on.",
    ),
    "a negative context": ({"context": -1}, "at '/context': minimum: got -1, want 16"),
    "a probe that never waits": (
        {"readinessProbe": {"periodSeconds": 0}},
        "at '/readinessProbe/periodSeconds': minimum: got 0, want 1",
    ),
    "fewer failures than none": (
        {"livenessProbe": {"failureThreshold": -1}},
        "at '/livenessProbe/failureThreshold': minimum: got -1, want 1",
    ),
    "a server that is ended before it is left alone": (
        {"livenessProbe": {"periodSeconds": 10, "failureThreshold": 2}},
        "livenessProbe.failureThreshold: 2 questions, one every 10 s, end a server that is busy before"
        " readinessProbe takes it out of the Service (30 s). Use 3 or more.",
    ),
    "two servers on a cache of one node": ({"replicas": 2}, "cache.accessMode: ReadWriteOnce lets one node"),
    "a surge that waits for the cache": ({"update": {"surge": 1}}, "update.surge: 1 starts a second server"),
    "an engine that needs a GPU on a CPU": (
        {"gpu": {"product": "CPU", "count": 0}},
        "gpu.product: CPU has no GPU, and vLLM needs one.",
    ),
    "tensor parallelism over 5 GPUs of a model with 40 heads": (
        {
            "model": {"name": "microsoft/phi-4"},
            "gpu": {"product": "H100", "count": 5},
            "parallelism": {"tensor": 5},
        },
        "parallelism.tensor: 5 does not divide the attention heads (40, 10 of keys and values)",
    ),
    "tensor parallelism over 3 GPUs of a model that nobody knows": (
        {"model": {"name": "a/b"}, "gpu": {"count": 3}, "parallelism": {"tensor": 3}},
        "parallelism.tensor: 3 does not divide the attention heads of most models (32 or 64), and a/b is not in",
    ),
    "bf16 on a T4, of a model that nobody knows": (
        {"model": {"name": "a/b"}, "gpu": {"product": "T4"}},
        "quantization: bf16 on T4 with vllm: bfloat16 requires compute capability 8.0 (Ampere or newer); T4 has 7.5. Nearest: quantization",
    ),
    "FP8 on an A100, of a model that nobody knows": (
        {"model": {"name": "a/b"}, "gpu": {"product": "A100"}, "quantization": "fp8"},
        "fp8 requires compute capability 8.9 (Ada or newer); A100-80GB has 8.0. Nearest: quantization fp8-marlin.",
    ),
    "stages that hold too little": (
        {
            "model": {"name": "meta-llama/Llama-3.1-70B-Instruct"},
            "gpu": {"count": 4},
            "parallelism": {"tensor": 2, "pipeline": 2},
        },
        "L4 does not fit: the weights take 33659 MiB a GPU of 22558 MiB. Take more or larger GPUs, or fewer bits.",
    ),
    "stages of NIM": (
        {
            "engine": "nim",
            "model": {"name": "meta/llama-3.1-8b-instruct"},
            "gpu": {"product": "H100", "count": 2},
            "parallelism": {"pipeline": 2},
        },
        "parallelism.pipeline: 2, but NIM takes no stages here.",
    ),
    "slices that share a model": (
        {"gpu": {"product": "H100-MIG-1g.10gb", "count": 2}, "parallelism": {"tensor": 2}},
        "gpu.count: 2 slices of product H100-MIG-1g.10gb, but a process sees one slice.",
    ),
    "no GPU of a product that has some": (
        {"gpu": {"count": 0}},
        "gpu.count: 0 GPUs of product L4. Set gpu.count to 1 or more",
    ),
    "stages over no GPU": (
        {"model": LLAMA, "gpu": {"count": 0}, "parallelism": {"tensor": 2, "pipeline": 2}},
        "gpu.count: 0 GPUs of product L4. Set gpu.count to 1 or more",
    ),
    "GPUs shared where there is none": (
        {
            "engine": "llamacpp",
            "model": {"file": "a.gguf"},
            "gpu": {"product": "CPU", "count": 0},
            "parallelism": {"tensor": 4},
        },
        "parallelism.pipeline 1 share GPUs, and product CPU has none. Set both to 1.",
    ),
    "GGUF on vLLM": (
        {"quantization": "gguf-q4_k_m"},
        'quantization: vLLM cannot serve "gguf-q4_k_m". It serves bf16,',
    ),
    "AWQ on llama.cpp": (
        {"engine": "llamacpp", "model": {"file": "a.gguf"}, "quantization": "awq-int4"},
        'quantization: llama.cpp cannot serve "awq-int4".',
    ),
    "a type that TGI does not compute in": (
        {"engine": "tgi", "gpu": {"product": "H100"}, "dtype": "float32"},
        'dtype: TGI does not compute in "float32". Use auto, bfloat16, float16.',
    ),
    "a NIM without network and without its weights": (
        {
            "engine": "nim",
            "model": {"name": "meta/llama-3.1-8b-instruct"},
            "gpu": {"product": "H100"},
            "airGapped": True,
        },
        "airGapped is true. Use a filled cache in cache.existingClaim.",
    ),
    "GPUs asked for twice": (
        {"resources": {"requests": {"nvidia.com/gpu": 4}}},
        "resources.requests: nvidia.com/gpu is set from gpu.count.",
    ),
    "an image that nobody could name": ({"image": {"tag": "latest"}}, 'image.tag: "latest" names no version'),
    "a test image that nobody could name": (
        {"test": {"image": {"tag": "latest"}}},
        'test.image.tag: "latest" names no version',
    ),
    "KServe over several nodes": (
        {
            "model": {"name": "meta-llama/Llama-3.1-405B-Instruct"},
            "gpu": {"product": "H100", "count": 16},
            "quantization": "fp8",
            "parallelism": {"tensor": 8, "pipeline": 2, "nodes": 2},
            "kserve": {"enabled": True},
        },
        "kserve.enabled: an InferenceService runs on one node here.",
    ),
    "KServe with an autoscaler that knows the CPU only": (
        {
            "kserve": {"enabled": True},
            "autoscaling": {"enabled": True, "kind": "hpa"},
            "cache": {"persistent": False},
        },
        "autoscaling.kind: hpa, but with kserve.enabled KServe makes the autoscaler",
    ),
    "a pool with a misspelt key": (
        {"pools": {"L4": {"gfdd": {}}}},
        "additional properties 'gfdd' not allowed",
    ),
}

# Spellings of products that people use, with the product that is meant.
SPELLINGS = {
    "h100": "NVIDIA-H100-80GB-HBM3",
    "NVIDIA-H100-80GB-HBM3": "NVIDIA-H100-80GB-HBM3",
    "A100 80GB": "NVIDIA-A100-SXM4-80GB",
    "Tesla-T4": "Tesla-T4",
    "rtx4090": "NVIDIA-GeForce-RTX-4090",
}
# Set-ups that look odd and may be installed.
ACCEPTED = {
    "no servers": {"replicas": 0},
    "a model that nobody knows": {"model": {"name": "a/b"}},
    "a share of the GPU": {"memoryShare": 0.5},
    "less than a GiB": {"model": {"sizeGiB": 0.5}},
    "three GPUs of llama.cpp, which splits layers": {
        "engine": "llamacpp",
        "model": {"file": "a.gguf"},
        "gpu": {"count": 3},
        "parallelism": {"tensor": 3},
        "concurrency": 1,
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses(case):
    values, sentence = REFUSED[case]
    assert sentence in " ".join(render_error(CHART, values).split())


@pytest.mark.parametrize("case", ACCEPTED)
def test_it_accepts(case):
    assert render(CHART, ACCEPTED[case])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_product_may_be_spelt_as_people_do(spelling):
    values = {"gpu": {"product": spelling}, "quantization": "fp16"}
    (deployment,) = (item for item in render(CHART, values) if item["kind"] == "Deployment")
    terms = deployment["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    assert SPELLINGS[spelling] in str(terms)


@pytest.mark.parametrize("enforce", ["warn", False])
def test_who_insists_may_install_what_is_refused(notes, enforce):
    values = {"model": LLAMA, "gpu": {"product": "T4"}, "capacity": {"enforce": enforce}}
    assert ("bfloat16 requires compute capability 8.0" in notes(values)) is (enforce == "warn")
