"""charts/model-server rejects what cannot work: each message names the key, the problem and what to do instead."""

import re
from functools import cache

import pytest
import yaml

from tests.charts.conftest import chart_folder, render, render_error
from tests.charts.hatches import NODES

CHART = "model-server"
LLAMA = {"name": "meta-llama/Llama-3.1-8B-Instruct"}

ADAPTER = [{"name": "a", "repository": "b/c"}]
OLLAMA = {
    "engine": "ollama",
    "quantization": "gguf-q4_k_m",
    "concurrency": 1,
    "model": {"name": "llama3.2:3b"},
}
REJECTED = {
    "an FP8 cache that the engine does not know": (
        {"engine": "nim", "model": {"name": "meta/llama-3.1-8b-instruct"}, "kvCacheDtype": "fp8"},
        "kvCacheDtype: fp8, but NIM has no such setting. Set it to auto.",
    ),
    "a batch of tokens that the engine does not know": (
        {"engine": "ollama", "batchedTokens": 4096},
        "batchedTokens: 4096, but Ollama has no such setting. Set it to 0.",
    ),
    "eager mode that the engine does not know": (
        {"engine": "ollama", "eager": True},
        "eager: true, but Ollama has no such setting. Set it to false.",
    ),
    "LoRA slots that the engine does not know": (
        {"engine": "ollama", "lora": {"maxAdapters": 2}},
        "lora.maxAdapters: 2, but Ollama has no such setting. Set it to 0, or use engine vllm or sglang.",
    ),
    "speculative decoding that the engine does not know": (
        {"engine": "sglang", "speculative": {"method": "ngram", "tokens": 5}},
        "speculative.method: ngram, but SGLang has no such setting. Remove it, or use engine vllm.",
    ),
    "speculative decoding without a number of tokens": (
        {"speculative": {"method": "mtp"}},
        "speculative.tokens: is required for method mtp.",
    ),
    "a draft without a model": (
        {"speculative": {"method": "draft_model", "tokens": 5}},
        'speculative.model: "", but speculative.method is "draft_model".',
    ),
    "a draft that is downloaded without network": (
        {
            "airGapped": True,
            "model": {"source": "pvc", "pvc": {"claimName": "models"}},
            "speculative": {"method": "draft_model", "tokens": 5, "model": "Qwen/Qwen2.5-0.5B"},
        },
        'speculative.model: "Qwen/Qwen2.5-0.5B" is downloaded, but airGapped is true. Use a volume',
    ),
    "tokens of an embedding model": (
        {"runner": "pooling", "speculative": {"method": "ngram", "tokens": 5}},
        "runner: pooling generates no tokens, but speculative.method is ngram. Remove one of them.",
    ),
    "expert parallelism that the engine does not know": (
        {"engine": "sglang", "parallelism": {"experts": True}},
        "parallelism.experts: true, but SGLang has no such setting. Set it to false, or use engine vllm.",
    ),
    "data-parallel ranks on two nodes": (
        {
            "gpu": {"count": 4},
            "parallelism": {"data": 2, "tensor": 2, "nodes": 2},
            "persistence": {"accessModes": ["ReadWriteMany"]},
        },
        "parallelism.data: 2 ranks on 2 nodes are not supported.",
    ),
    "a limit of memory below the layers on the CPU": (
        {
            "engine": "llamacpp",
            "quantization": "gguf-q4_k_m",
            "model": {"name": "Qwen/Qwen2.5-72B-Instruct", "file": "model.gguf"},
            "gpu": {"product": "L4"},
            "offload": {"gpuLayers": 8},
            "resources": {"limits": {"memory": "8Gi"}},
        },
        "resources.limits.memory: 8Gi is too small: 1× L4 leave at least 21 GiB of weights to the CPU.",
    ),
    "a task that the engine does not know": (
        {"engine": "sglang", "runner": "pooling"},
        "runner: pooling, but SGLang has no such setting. Set it to auto, or use engine vllm.",
    ),
    "offloaded weights that the engine does not know": (
        {"engine": "sglang", "offload": {"weightsGiB": 4}},
        "offload.weightsGiB: 4, but SGLang has no such setting. Set it to 0, or use engine vllm.",
    ),
    "layers on the CPU that the engine does not know": (
        {"offload": {"gpuLayers": 8}},
        "offload.gpuLayers: 8, but vLLM has no such setting. Set it to auto, or use engine llamacpp.",
    ),
    "a limit of memory below the offloaded weights": (
        {"offload": {"weightsGiB": 40}},
        "resources.limits.memory: 32Gi is too small for offload.weightsGiB 40 on 1 GPUs. Use 50Gi or more.",
    ),
    "data-parallel ranks that the engine does not know": (
        {"engine": "sglang", "gpu": {"count": 2}, "parallelism": {"data": 2}},
        "parallelism.data: 2, but SGLang has no such setting. Set it to 1 and replicas to 2, or use engine vllm.",
    ),
    "ranks that do not use all GPUs": (
        {"gpu": {"count": 2}, "parallelism": {"data": 4}},
        "parallelism.data 4 uses 4. Make them equal.",
    ),
    "a shared cache that the engine does not know": (
        {"sharedCache": True},
        "sharedCache: true, but vLLM has no such setting. Set it to false.",
    ),
    "a backend that the engine does not know": (
        {"engine": "sglang", "attentionBackend": "FLASHINFER"},
        "attentionBackend: FLASHINFER, but SGLang has no such setting. Remove it.",
    ),
    "images that the engine does not limit": (
        {"engine": "sglang", "multimodal": {"images": 1}},
        "multimodal: is set, but SGLang has no such setting. Set images to auto and maxPixels to 0, or use engine vllm.",
    ),
    "a path in S3 that is not used": (
        {"model": {"s3": {"uri": "s3://models/a"}}},
        'model.s3.uri: "s3://models/a" is set, but model.source is "hf". Set model.source to "s3", or remove',
    ),
    "S3 without a path": (
        {"model": {"source": "s3"}},
        'model.s3.uri: is required if model.source is "s3". Set it to the bucket and path of the model',
    ),
    "an image of the download without a version": (
        {"model": {"source": "s3", "s3": {"uri": "s3://models/a", "image": {"tag": "latest"}}}},
        'model.s3.image.tag: "latest" does not identify a version. Set a version.',
    ),
    "a NIM whose tag is not known": (
        {"engine": "nim", "gpu": {"product": "H100"}, "model": {"name": "qwen/qwen3-32b", "sizeGiB": 66}},
        "image.tag: is required, because each model has tags of its own, and none of qwen/qwen3-32b is known.",
    ),
    "a profile of vLLM": (
        {"model": {"profile": "a"}},
        'model.profile: "a", but vLLM has no profiles. Remove it, or use engine nim.',
    ),
    "a NIM in a precision without a known name": (
        {
            "engine": "nim",
            "gpu": {"product": "H100"},
            "model": {"name": "meta/llama-3.1-8b-instruct"},
            "quantization": "awq-int4",
        },
        "model.profile: is required for quantization awq-int4, because the name of its profiles is not known.",
    ),
    "several models in vLLM": (
        {"ollama": {"models": ["a"]}},
        "ollama: has models, but the engine is vLLM, which serves one model. Remove ollama, or use engine ollama.",
    ),
    "a Modelfile whose name has a tag": (
        OLLAMA | {"ollama": {"modelfiles": {"Triage:1": "FROM a"}}},
        'ollama.modelfiles: Triage:1: a name can have lower-case letters, digits, ".", "-" and "_" only.',
    ),
    "Modelfiles in two places": (
        OLLAMA | {"ollama": {"modelfiles": {"a": "FROM b"}, "existingConfigMap": "ours"}},
        'ollama.existingConfigMap: "ours", but ollama.modelfiles is set, too. Remove one of them.',
    ),
    "adapters in Ollama": (
        OLLAMA | {"lora": {"adapters": ADAPTER}},
        "lora.adapters: has adapters, but Ollama cannot load them by request.",
    ),
    "the path of an adapter without a volume": (
        {"lora": {"adapters": [{"name": "a", "path": "b"}]}},
        'lora.adapters: has a path, but model.source is "hf", which has no volume with files.',
    ),
    "the repository of an adapter without a network": (
        {
            "airGapped": True,
            "model": {"source": "pvc", "pvc": {"claimName": "a"}},
            "lora": {"adapters": ADAPTER},
        },
        "lora.adapters: has a repository, which is downloaded, but airGapped is true.",
    ),
    "a chat template in two places": (
        {"chatTemplate": {"text": "a", "existingConfigMap": "ours"}},
        'chatTemplate.existingConfigMap: "ours", but chatTemplate.text is set, too.',
    ),
    "a chat template in Ollama": (
        OLLAMA | {"chatTemplate": {"text": "a"}},
        "chatTemplate: is set, but Ollama cannot read a template from a file. Remove it, or use",
    ),
    "TGI's image, which requires root": (
        {"engine": "tgi", "gpu": {"product": "H100"}},
        "image.repository: is required, because the official TGI image keeps its Python below /root",
    ),
    "a key that nothing generates": (
        {"apiKey": {"generate": False}},
        "apiKey.existingSecret: is empty, but apiKey.generate is false. Create a Secret with `kubectl create secret"
        " generic NAME --from-literal=api-key=KEY`, and set apiKey.existingSecret to its name.",
    ),
    "source ranges without a load balancer": (
        {"service": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}},
        "service.loadBalancerSourceRanges: is set, but service.type is ClusterIP. Set service.type to LoadBalancer",
    ),
    "a Service that KServe creates": (
        {"kserve": {"enabled": True}, "service": {"ipFamilyPolicy": "PreferDualStack"}},
        "service: settings have no effect with kserve.enabled, because KServe creates the Service. Remove",
    ),
    "an address for an engine that has no option for it": (
        {"engine": "nim", "model": {"name": "meta/llama-3.1-8b-instruct"}, "listenAddress": "0.0.0.0"},
        'listenAddress: "0.0.0.0", but NIM has no option for it. Remove it.',
    ),
    "an Ingress without a host": (
        {"ingress": {"enabled": True}},
        "ingress.host: is empty, but ingress.enabled is true. Set it to the host name",
    ),
    "the strategy of a Deployment with several nodes": (
        NODES | {"strategy": {"type": "Recreate"}},
        "strategy: is for a Deployment, but parallelism.nodes is 2, which creates a LeaderWorkerSet. Set update.surge",
    ),
    "bf16 on a T4": (
        {"model": LLAMA, "gpu": {"product": "T4"}},
        "bfloat16 requires compute capability 8.0 (Ampere or newer); T4 has 7.5. Nearest configuration that fits: quantization",
    ),
    "bfloat16 on a T4, for a model that is not in the table": (
        {"model": {"name": "a/b"}, "gpu": {"product": "T4"}, "dtype": "bfloat16", "quantization": "awq-int4"},
        "dtype: bfloat16 requires compute capability 8.0; T4 has 7.5. Use dtype float16.",
    ),
    "FP8 arithmetic on an A100": (
        {"model": LLAMA, "gpu": {"product": "A100-80GB"}, "quantization": "fp8"},
        "fp8 requires compute capability 8.9 (Ada or newer); A100-80GB has 8.0. Nearest configuration that fits:",
    ),
    "70B in bf16 on one L4": (
        {"model": {"name": "meta-llama/Llama-3.1-70B-Instruct"}},
        "does not fit. The weights need 134602 MiB per GPU, which has 22558 MiB. Nearest configuration that fits:",
    ),
    "a context that is longer than the model": (
        {"model": LLAMA, "gpu": {"product": "H100"}, "context": 200000},
        "context: 200000 exceeds the maximum context of meta-llama/Llama-3.1-8B. This configuration fits up to context 131072.",
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
        " meta-llama/Llama-3.1-8B. Use one of 1, 2, 4, 8, 16, 32.",
    ),
    "a cache that the download would fill": (
        {
            "model": {"name": "meta-llama/Llama-3.1-70B-Instruct"},
            "gpu": {"product": "H100", "count": 4},
            "parallelism": {"tensor": 4},
            "persistence": {"size": "50Gi"},
        },
        "persistence.size: 50Gi is too small for the 132 GiB of meta-llama/Llama-3.1-70B-Instruct. Use 158Gi or more",
    ),
    "GPUs that nothing uses": (
        {"gpu": {"count": 2}},
        "gpu.count: 2 GPUs, but parallelism.tensor 1",
    ),
    "TGI on arm64 nodes": (
        {"engine": "tgi", "gpu": {"product": "GB200"}},
        "engine: TGI images are built for amd64, but GB200 nodes are arm64. Use engine vllm.",
    ),
    "TGI on a T4": (
        {"engine": "tgi", "gpu": {"product": "T4"}, "quantization": "fp16"},
        "engine: TGI is not proven on T4 (compute capability 7.5). The image is built for 8.0 and above, below 10.0.",
    ),
    "a misspelt GPU": ({"gpu": {"product": "H1000"}}, "Did you mean H100, H100-NVL, H100-PCIE?"),
    "an unknown GPU": (
        {"gpu": {"product": "XE100"}},
        'unknown product "XE100". Use one of A10, A100-40GB,',
    ),
    "a GPU of another vendor with the default image": (
        {"gpu": {"product": "MI300X"}},
        "image.repository: is required, because the default image of vLLM is built for NVIDIA, and MI300X is a product of AMD."
        " Set it to an image of vLLM that is built for AMD.",
    ),
    "a GPU that is shared by time-slicing, without a share": (
        {"gpu": {"timeSlicing": True}},
        "memoryShare: is required if gpu.timeSlicing is true, because vLLM uses 0.92 of the GPU's memory otherwise.",
    ),
    "parts of a GPU that is shared by time-slicing": (
        {"gpu": {"timeSlicing": True, "count": 2}, "parallelism": {"tensor": 2}, "memoryShare": 0.4},
        "gpu.count: 2 with gpu.timeSlicing, but more parts can be of the same GPU.",
    ),
    "a model larger than a GPU that is not in the table": (
        {"model": LLAMA, "gpu": {"product": "A16"}, "quantization": "fp16"},
        "in fp16 on 1× A16 does not fit. The weights need at least 15348 MiB per GPU, which has 14588 MiB;",
    ),
    "FP8 on a GPU that is not in the table": (
        {"model": LLAMA, "gpu": {"product": "A30"}, "quantization": "fp8"},
        "fp8 requires compute capability 8.9 (Ada or newer); A30 has 8.0. Nearest: quantization fp8-marlin.",
    ),
    "labels that a cluster does not have": (
        {"gpu": {"product": "GB200", "labelSet": "eks"}},
        'gpu.labelSet: "eks" has no labels for GB200. Use one of gfd, gke,',
    ),
    "a volume in addition to the hub": (
        {"model": {"pvc": {"claimName": "models"}}},
        'model.pvc.claimName: "models" is set, but model.source is "hf".',
    ),
    "a hub's token in addition to a volume": (
        {
            "model": {
                "source": "pvc",
                "pvc": {"claimName": "models"},
                "token": {"existingSecret": "hf"},
            }
        },
        'model.token.existingSecret: "hf" is for a hub, but model.source is "pvc".',
    ),
    "a download without network": (
        {"airGapped": True},
        'model.source: "hf" downloads files, but airGapped is true.',
    ),
    "autoscaling without metrics": (
        {"autoscaling": {"enabled": True, "metrics": []}},
        "autoscaling.metrics: is required if autoscaling.enabled is true.",
    ),
    "autoscaling an engine without metrics": (
        {"engine": "ollama", "autoscaling": {"enabled": True}},
        "autoscaling.enabled: true, but Ollama has no metrics to scale on.",
    ),
    "a negative context": ({"context": -1}, "at '/context': minimum: got -1, want 16"),
    "a probe that never waits": (
        {"probes": {"readiness": {"periodSeconds": 0}}},
        "at '/probes/readiness/periodSeconds': minimum: got 0, want 1",
    ),
    "fewer failures than none": (
        {"probes": {"liveness": {"failureThreshold": -1}}},
        "at '/probes/liveness/failureThreshold': minimum: got -1, want 1",
    ),
    "a server that is restarted before it is marked unready": (
        {"probes": {"liveness": {"periodSeconds": 10, "failureThreshold": 2}}},
        "probes.liveness.failureThreshold: 2 failures, one every 10 s, restart a busy server before probes.readiness"
        " marks it unready (30 s). Use 3 or more.",
    ),
    "two replicas on a volume of one node": (
        {"replicas": 2},
        "persistence.accessModes: ReadWriteOnce lets one node mount the volume, but there can be 2 replicas.",
    ),
    "a surge that waits for the volume": (
        {"update": {"surge": 1}},
        "update.surge: 1 starts a second pod while the first still has the volume (ReadWriteOnce).",
    ),
    "an engine that needs a GPU on a CPU": (
        {"gpu": {"product": "CPU", "count": 0}},
        "gpu.product: CPU has no GPU, and vLLM requires one.",
    ),
    "tensor parallelism over 5 GPUs of a model with 40 heads": (
        {
            "model": {"name": "microsoft/phi-4"},
            "gpu": {"product": "H100", "count": 5},
            "parallelism": {"tensor": 5},
        },
        "parallelism.tensor: 5 does not divide the attention heads (40, 10 of keys and values)",
    ),
    "tensor parallelism over 3 GPUs of a model that is not in the table": (
        {"model": {"name": "a/b"}, "gpu": {"count": 3}, "parallelism": {"tensor": 3}},
        "parallelism.tensor: 3 does not divide the attention heads of most models (32 or 64), and a/b is not in",
    ),
    "bf16 on a T4, of a model that is not in the table": (
        {"model": {"name": "a/b"}, "gpu": {"product": "T4"}},
        "quantization: bf16 on T4 with vLLM: bfloat16 requires compute capability 8.0 (Ampere or newer); T4 has 7.5. Nearest: quantization",
    ),
    "FP8 on an A100, of a model that is not in the table": (
        {"model": {"name": "a/b"}, "gpu": {"product": "A100"}, "quantization": "fp8"},
        "fp8 requires compute capability 8.9 (Ada or newer); A100-80GB has 8.0. Nearest: quantization fp8-marlin.",
    ),
    "stages that hold too little": (
        {
            "model": {"name": "meta-llama/Llama-3.1-70B-Instruct"},
            "gpu": {"count": 4},
            "parallelism": {"tensor": 2, "pipeline": 2},
        },
        "L4 does not fit. The weights need 33659 MiB per GPU, which has 22558 MiB. Use more or larger GPUs, or fewer bits.",
    ),
    "stages of NIM": (
        {
            "engine": "nim",
            "model": {"name": "meta/llama-3.1-8b-instruct"},
            "gpu": {"product": "H100", "count": 2},
            "parallelism": {"pipeline": 2},
        },
        "parallelism.pipeline: 2, but NIM does not support pipeline stages.",
    ),
    "slices that share a model": (
        {"gpu": {"product": "H100-MIG-1g.10gb", "count": 2}, "parallelism": {"tensor": 2}},
        "gpu.count: 2 slices of product H100-MIG-1g.10gb, but a process can use only one slice.",
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
        "parallelism.pipeline 1 distributes the model over GPUs, but product CPU has none. Set both to 1.",
    ),
    "GGUF on vLLM": (
        {"quantization": "gguf-q4_k_m"},
        'quantization: vLLM does not support "gguf-q4_k_m". Use one of bf16,',
    ),
    "AWQ on llama.cpp": (
        {"engine": "llamacpp", "model": {"file": "a.gguf"}, "quantization": "awq-int4"},
        'quantization: llama.cpp does not support "awq-int4".',
    ),
    "a type that TGI does not support": (
        {"engine": "tgi", "gpu": {"product": "H100"}, "dtype": "float32"},
        'dtype: TGI does not support "float32". Use one of auto, bfloat16, float16.',
    ),
    "a NIM without network and without its weights": (
        {
            "engine": "nim",
            "model": {"name": "meta/llama-3.1-8b-instruct"},
            "gpu": {"product": "H100"},
            "airGapped": True,
        },
        "airGapped is true. Use a volume with the downloaded files in persistence.existingClaim.",
    ),
    "GPUs asked for twice": (
        {"resources": {"requests": {"nvidia.com/gpu": 4}}},
        "resources.requests: nvidia.com/gpu is set from gpu.count.",
    ),
    "an image without a version": (
        {"image": {"tag": "latest"}},
        'image.tag: "latest" does not identify a version',
    ),
    "a test image without a version": (
        {"helmTest": {"image": {"tag": "latest"}}},
        'helmTest.image.tag: "latest" does not identify a version',
    ),
    "KServe over several nodes": (
        {
            "model": {"name": "meta-llama/Llama-3.1-405B-Instruct"},
            "gpu": {"product": "H100", "count": 16},
            "quantization": "fp8",
            "parallelism": {"tensor": 8, "pipeline": 2, "nodes": 2},
            "kserve": {"enabled": True},
        },
        "kserve.enabled: true, but an InferenceService runs on one node only.",
    ),
    "KServe with an autoscaler that knows the CPU only": (
        {
            "kserve": {"enabled": True},
            "autoscaling": {"enabled": True, "kind": "hpa"},
            "persistence": {"enabled": False},
        },
        "autoscaling.kind: hpa, but KServe creates the autoscaler",
    ),
    "a volume that is not named": (
        {"model": {"source": "pvc"}},
        'model.pvc.claimName: is required if model.source is "pvc".',
    ),
    "an image that is not named": (
        {"model": {"source": "oci"}},
        'model.oci.reference: is required if model.source is "oci".',
    ),
    "a URL that is not given": (
        {"engine": "llamacpp", "quantization": "gguf-q4_k_m", "model": {"source": "url"}},
        'model.url.address: is required if model.source is "url".',
    ),
    "an image in addition to the hub": (
        {"model": {"oci": {"reference": "a/b:1"}}},
        'model.oci.reference: "a/b:1" is set, but model.source is "hf".',
    ),
    "a URL in addition to the hub": (
        {"model": {"url": {"address": "https://a.example/a.gguf"}}},
        'model.url.address: "https://a.example/a.gguf" is set, but model.source is "hf".',
    ),
    "a volume for Ollama": (
        {"engine": "ollama", "model": {"source": "pvc", "pvc": {"claimName": "models"}}},
        'model.source: Ollama does not support "pvc". Use one of hf.',
    ),
    "llama.cpp without a file": (
        {"engine": "llamacpp", "quantization": "gguf-q4_k_m"},
        "model.file: is required, because llama.cpp loads one GGUF file.",
    ),
    "a claim that is not used": (
        {"persistence": {"enabled": False, "existingClaim": "filled"}},
        'persistence.existingClaim: "filled" is set, but persistence.enabled is false.',
    ),
    "TGI over several nodes": (
        {
            "engine": "tgi",
            "gpu": {"product": "H100", "count": 2},
            "parallelism": {"tensor": 2, "nodes": 2},
        },
        "parallelism.nodes: 2, but TGI runs on one node only. Use engine vllm or sglang.",
    ),
    "GPUs that do not divide by the nodes": (
        {"model": {"name": "a/b"}, "gpu": {"count": 4}, "parallelism": {"tensor": 4, "nodes": 3}},
        "parallelism.nodes: gpu.count 4 is not a multiple of 3 nodes.",
    ),
    "more replicas than allowed": (
        {"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}},
        "autoscaling.minReplicas: 5 exceeds maxReplicas, 4.",
    ),
    "an HPA that scales to zero": (
        {"autoscaling": {"enabled": True, "kind": "hpa", "minReplicas": 0}},
        "autoscaling.minReplicas: 0, but a HorizontalPodAutoscaler keeps at least one replica.",
    ),
    "GPUs limited twice": (
        {"resources": {"limits": {"nvidia.com/gpu": 4}}},
        "resources.limits: nvidia.com/gpu is set from gpu.count.",
    ),
    "a required node affinity": (
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}
                }
            }
        },
        "affinity.nodeAffinity: the required node affinity is set from gpu.product.",
    ),
    "two keys": (
        {"apiKey": {"value": "a", "existingSecret": "b"}},
        'apiKey.existingSecret: "b", but apiKey.value is set, too.',
    ),
    "a GPU of a CPU": (
        {"engine": "llamacpp", "model": {"file": "a.gguf"}, "gpu": {"product": "CPU", "count": 1}},
        "gpu.count: 1, but product CPU has no GPU. Set gpu.count to 0.",
    ),
    "a route without a gateway": (
        {"httpRoute": {"enabled": True}},
        "httpRoute.parentRefs: is required if httpRoute.enabled is true.",
    ),
    "an InferencePool without a picker": (
        {"inferencePool": {"enabled": True}},
        "inferencePool.endpointPicker: is required if inferencePool.enabled is true.",
    ),
    "slices in the place of GPUs": (
        {
            "engine": "llamacpp",
            "quantization": "gguf-q4_k_m",
            "model": {"name": "meta-llama/Llama-3.1-8B-Instruct", "file": "a.gguf"},
            "gpu": {"product": "H100-MIG-1g.10gb"},
            "parallelism": {"tensor": 2},
        },
        "gpu.count: 1 GPUs, but parallelism.tensor 2",
    ),
    "mxfp4 on a T4, of a model that is not in the table": (
        {"model": {"name": "a/b", "sizeGiB": 4}, "gpu": {"product": "T4"}, "quantization": "mxfp4"},
        "quantization: mxfp4 on T4 with vLLM: quantization mxfp4 requires compute capability 8.0 (Ampere or newer);"
        " T4 has 7.5. Nearest: quantization awq-int4.",
    ),
    "mxfp4 on a T4, of a model that the table has in other types": (
        {"model": LLAMA, "gpu": {"product": "T4"}, "quantization": "mxfp4"},
        "requires compute capability 8.0 (Ampere or newer); T4 has 7.5. Nearest: quantization awq-int4.",
    ),
    "a model that is not in the table, and larger than the GPU": (
        {"model": {"name": "a/b", "sizeGiB": 30}},
        "gpu.product: a/b in bf16 on 1× L4 does not fit. The weights need at least 30720 MiB per GPU, which has 22558 MiB;",
    ),
    "a model that is not in the table, and larger than the GPU in 4 bits": (
        {"model": {"name": "a/b", "sizeGiB": 100}, "quantization": "bnb-nf4"},
        "The weights need at least 28800 MiB per GPU, which has 22558 MiB;",
    ),
    "an engine without a table, and a model larger than the GPU": (
        {
            "engine": "ollama",
            "model": {"name": "llama3.3:70b-instruct-q8_0"},
            "gpu": {"product": "T4"},
            "quantization": "gguf-q8_0",
        },
        "llama3.3:70b-instruct-q8_0 in gguf-q8_0 on 1× T4 does not fit. The weights need at least 71495 MiB per GPU",
    ),
    "16 GPUs that hold too little": (
        {
            "model": {"name": "meta-llama/Llama-3.1-405B-Instruct"},
            "gpu": {"product": "A100-40GB", "count": 16},
            "parallelism": {"tensor": 16},
        },
        "The weights need at least 48381 MiB per GPU, which has 40448 MiB;",
    ),
    "a share of the GPU that holds less than the weights": (
        {"model": LLAMA, "memoryShare": 0.1},
        "memoryShare: 0.1 of L4 is 2255 MiB per GPU, and the weights need 15348 MiB. Use a larger share, or 0 for 0.92.",
    ),
    "a share of the GPU that holds less than a request": (
        {"model": LLAMA, "memoryShare": 0.75},
        "tokens of KV cache, and a request has up to 8192. Use a larger share, a smaller context, or 0 for 0.92.",
    ),
    "a share of a GPU that llama.cpp does not know": (
        {
            "engine": "llamacpp",
            "model": {"file": "a.gguf"},
            "quantization": "gguf-q4_k_m",
            "memoryShare": 0.5,
        },
        "memoryShare: 0.5, but llama.cpp has no such setting. Set it to 0.",
    ),
    "70B on a CPU with too little memory": (
        {
            "engine": "llamacpp",
            "model": {"name": "meta-llama/Llama-3.1-70B-Instruct", "file": "a.gguf"},
            "gpu": {"product": "CPU", "count": 0},
            "quantization": "gguf-q4_k_m",
            "concurrency": 1,
        },
        "resources.limits.memory: 32Gi is too small for meta-llama/Llama-3.1-70B-Instruct: weights and KV cache need 42 GiB of memory. Use",
    ),
    "8B in 16 bits on a CPU with too little memory": (
        {
            "engine": "llamacpp",
            "model": {"name": "meta-llama/Llama-3.1-8B-Instruct", "file": "a.gguf"},
            "gpu": {"product": "CPU", "count": 0},
            "quantization": "gguf-f16",
            "concurrency": 1,
            "resources": {"limits": {"memory": "8Gi"}},
        },
        "resources.limits.memory: 8Gi is too small for meta-llama/Llama-3.1-8B-Instruct",
    ),
    "a KV cache that the memory of a CPU does not hold": (
        {
            "engine": "llamacpp",
            "model": {"name": "meta-llama/Llama-3.1-8B-Instruct", "file": "a.gguf"},
            "gpu": {"product": "CPU", "count": 0},
            "quantization": "gguf-q4_k_m",
        },
        "weights and KV cache need 37 GiB of memory",
    ),
    "a file of another type": (
        {
            "engine": "llamacpp",
            "model": {"name": "meta-llama/Llama-3.1-8B-Instruct", "file": "Llama-3.1-8B-Instruct-Q8_0.gguf"},
            "quantization": "gguf-q4_k_m",
            "concurrency": 1,
        },
        "quantization: gguf-q4_k_m, but the name of the model's file says gguf-q8_0. Set it to gguf-q8_0, or choose another file.",
    ),
    "a misspelt capacity.model": (
        {"model": {"name": "a/b", "sizeGiB": 4}, "capacity": {"model": "lama-3.1-8b"}},
        'capacity.model: "lama-3.1-8b" is not in the capacity table. Use one of Qwen/Qwen3-8B, meta-llama/Llama-3.1-8B, or leave it empty.',
    ),
    "a model of unknown size": (
        {"model": {"name": "a/b"}},
        "model.sizeGiB: is required, because the size of a/b is not in the capacity table, and the volume size and the"
        " startup time depend on it. Set it to the size of the weight files in GiB",
    ),
    "a NIM with its registry": (
        {
            "engine": "nim",
            "model": {"name": "nvcr.io/nim/meta/llama-3.1-8b-instruct"},
            "gpu": {"product": "H100"},
        },
        'model.name: "nvcr.io/nim/meta/llama-3.1-8b-instruct" has the registry in it',
    ),
    "two claims for the cache": (
        {"persistence": {"claimName": "a", "existingClaim": "b"}},
        'persistence.claimName: "a", but persistence.existingClaim is set, too. Remove one of them.',
    ),
    "two nodes on a volume of one node": (
        {
            "model": {"name": "meta-llama/Llama-3.1-405B-Instruct-FP8", "quantized": True},
            "gpu": {"product": "H100", "count": 16},
            "quantization": "fp8",
            "parallelism": {"tensor": 8, "pipeline": 2, "nodes": 2},
        },
        "persistence.accessModes: ReadWriteOnce lets one node mount the volume, but a replica has 2 nodes. Use ReadWriteMany",
    ),
    "a pool with a misspelt key": (
        {"pools": {"L4": {"gfdd": {}}}},
        "additional properties 'gfdd' not allowed",
    ),
}

# Common spellings of products, and the label of the product.
SPELLINGS = {
    "h100": "NVIDIA-H100-80GB-HBM3",
    "NVIDIA-H100-80GB-HBM3": "NVIDIA-H100-80GB-HBM3",
    "A100 80GB": "NVIDIA-A100-SXM4-80GB",
    "Tesla-T4": "Tesla-T4",
    "rtx4090": "NVIDIA-GeForce-RTX-4090",
}
# Unusual configurations that are accepted.
ACCEPTED = {
    "no replicas": {"replicas": 0},
    "a model that is not in the table": {"model": {"name": "a/b", "sizeGiB": 4}},
    "fp16 on a T4, of a model that is not in the table": {
        "model": {"name": "a/b", "sizeGiB": 4},
        "gpu": {"product": "T4"},
        "quantization": "fp16",
    },
    "fp16 on a T4, of models whose size alone is in the table": {
        "model": {"name": "Qwen/Qwen3-1.7B"},
        "gpu": {"product": "T4"},
        "quantization": "fp16",
    },
    "float16 on a T4, of bf16 files that are not in the table": {
        "model": {"name": "BAAI/bge-m3", "sizeGiB": 2.2},
        "gpu": {"product": "T4"},
        "dtype": "float16",
    },
    "a file of another type that the table lacks": {
        "engine": "llamacpp",
        "model": {"name": "meta-llama/Llama-3.2-3B-Instruct", "file": "Llama-3.2-3B-Instruct-Q4_K_S.gguf"},
        "quantization": "gguf-q4_k_m",
        "concurrency": 1,
    },
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


CHECKS = yaml.safe_load((chart_folder(CHART) / "files" / "checks.yaml").read_text(encoding="utf-8"))


@cache
def error(case: str) -> str:
    """The message of helm for a case, on one line."""
    return " ".join(render_error(CHART, REJECTED[case][0]).split())


@pytest.mark.parametrize("case", REJECTED)
def test_it_rejects(case):
    assert REJECTED[case][1] in error(case)


def pattern(check: dict) -> str:
    """A pattern of the message of a check: template expressions stand for any text."""
    text = f"{check['key']}: {check['problem']} {check.get('hint', '')}"
    fixed = re.split(r"{{.*?}}", " ".join(text.split()))
    return ".*".join(re.escape(part.strip()) for part in fixed)


# Checks of a claim that a cluster has: tests/charts/test_model_server_claims.py.
IN_A_CLUSTER = ("exists with",)


@pytest.mark.parametrize("checks", ["reject", "doubt", "required"])
def test_every_check_has_a_case(checks):
    errors = [error(case) for case in REJECTED]
    own = [check for check in CHECKS[checks] if "key" in check]
    own = [check for check in own if not any(text in check["problem"] for text in IN_A_CLUSTER)]
    assert [check for check in own if not any(re.search(pattern(check), text) for text in errors)] == []


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
def test_capacity_enforce_allows_what_is_rejected(notes, enforce):
    values = {"model": LLAMA, "gpu": {"product": "T4"}, "capacity": {"enforce": enforce}}
    assert ("bfloat16 requires compute capability 8.0" in notes(values)) is (enforce == "warn")
