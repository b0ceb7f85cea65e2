"""Checkpoint folders without weights, for vLLM with `load_format=dummy`: configuration, tokenizer and image processor.

Configurations are the public ones of src/signalbox/capacity/data/models.yaml. The tokenizer is trained here on this
repository's own pages and filled up to the model's vocabulary, so that each of its tokens has a text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).resolve().parent.parent
_MODELS = _ROOT / "src/signalbox/capacity/data/models.yaml"

# What vLLM reads from config.json in addition to the fields that memory needs.
_CLASSES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "qwen3_next": "Qwen3NextForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "deepseek_v2": "DeepseekV2ForCausalLM",
    "gpt_oss": "GptOssForCausalLM",
    "granite": "GraniteForCausalLM",
    "granitemoe": "GraniteMoeForCausalLM",
    "granitemoehybrid": "GraniteMoeHybridForCausalLM",
    "nemotron_h": "NemotronHForCausalLM",
}
_MORE_FIELDS: dict[str, dict[str, Any]] = {
    "deepseek_v2": {
        "topk_method": "greedy",
        "n_group": 1,
        "topk_group": 1,
        "norm_topk_prob": False,
        "routed_scaling_factor": 1.0,
        "scoring_func": "softmax",
    },
    "gemma2": {"query_pre_attn_scalar": 256, "hidden_activation": "gelu_pytorch_tanh"},
    "gemma3_text": {"query_pre_attn_scalar": 256, "hidden_activation": "gelu_pytorch_tanh"},
    "phi3": {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    "qwen2_5_vl": {
        "rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [16, 24, 24]},
        "rope_theta": 1000000.0,
    },
    "qwen3_next": {"rope_theta": 10000000.0, "partial_rotary_factor": 0.25, "norm_topk_prob": True},
}
_IMAGE_TOKENS = {
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
    "vision_token_id": "<|vision_pad|>",
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
}
# Qwen2.5-VL's own: an image has 4 to 16,384 tokens of 28 x 28 pixels.
_PROCESSOR = {
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "processor_class": "Qwen2_5_VLProcessor",
}
_ENDS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TRAINED_TOKENS = 20000


def configuration(model: str, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """config.json of a model of the catalogue with `more` fields; of one that is not there, `more` must be all of them."""
    models = {row["name"]: row["config"] for row in yaml.safe_load(_MODELS.read_text(encoding="utf-8"))}
    fields = {**models.get(model, {}), **(more or {})}
    kind = fields["model_type"]
    return {**_MORE_FIELDS.get(kind, {}), **fields, "architectures": [_CLASSES[kind]]}


def write_model(folder: Path, config: dict[str, Any], *, with_tokenizer: bool = False) -> None:
    """config.json and, for a server or a model with images, what turns requests into tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    if with_tokenizer:
        config = {**config, **_write_tokenizer(folder, int(config["vocab_size"]))}
    if "vision_config" in config:
        _write_processor(folder)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _write_tokenizer(folder: Path, size: int) -> dict[str, int]:
    """tokenizer.json of `size` tokens; the ids that config.json names."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    special = [*_ENDS, *_IMAGE_TOKENS.values()]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(_TRAINED_TOKENS, size),
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pages = [str(path) for folder in ("docs", "tasks") for path in sorted((_ROOT / folder).rglob("*.md"))]
    tokenizer.train(pages, trainer)
    trained = json.loads(tokenizer.to_str())
    vocabulary = trained["model"]["vocab"]
    for number in range(len(vocabulary), size):
        vocabulary[f"{number:x}\u0120"] = number  # \u0120: a blank, in the alphabet of bytes
    (folder / "tokenizer.json").write_text(json.dumps(trained), encoding="utf-8")
    settings = {
        "tokenizer_class": "Qwen2TokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": _TEMPLATE,
        "additional_special_tokens": special,
        "model_max_length": 1000000,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    names = {**_IMAGE_TOKENS, "eos_token_id": "<|im_end|>", "bos_token_id": "<|endoftext|>"}
    return {field: vocabulary[token] for field, token in names.items()}


def _write_processor(folder: Path) -> None:
    image = {**_PROCESSOR, "image_processor_type": "Qwen2VLImageProcessor"}
    video = {**_PROCESSOR, "video_processor_type": "Qwen2VLVideoProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(image), encoding="utf-8")
    (folder / "video_preprocessor_config.json").write_text(json.dumps(video), encoding="utf-8")
