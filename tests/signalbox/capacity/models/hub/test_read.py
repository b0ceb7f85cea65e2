"""Models by their headers, over HTTP from a stand-in of the Hub and from folders; nothing of the weights is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signalbox.capacity.models import catalogue
from signalbox.capacity.models.hub.read import parse_hub_name, read_hub, read_local
from signalbox.capacity.models.sources import find_model
from signalbox.errors import InputError, SetupError
from tests.signalbox.capacity.models.hub.headers import gguf_file, llama, write_checkpoint, write_sparse
from tests.signalbox.capacity.models.hub.hub_server import COMMIT, Storage, hub

ROWS = catalogue.load()
LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}


@pytest.fixture
def server() -> Iterator[tuple[Storage, str]]:
    with hub() as (storage, url):
        yield storage, url


@pytest.fixture
def variables(server, tmp_path) -> dict[str, str]:
    return {"HF_ENDPOINT": server[1], "HF_HOME": str(tmp_path / "home")}


def published(storage: Storage, name: str, folder: Path) -> None:
    storage.repositories[name] = folder


def test_a_repository_has_the_weights_of_its_published_model(server, variables, tmp_path):
    storage, _ = server
    published(storage, "org/llama", write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B), shards=4))
    model = read_hub("hf:org/llama", variables)
    published_row = ROWS.model("meta-llama/Llama-3.1-8B").architecture
    assert model.parameters == published_row.parameters
    assert model.kv_groups == published_row.kv_groups
    assert model.name == "org/llama"


def test_only_headers_are_transferred_and_their_bytes_are_stated(server, variables, tmp_path):
    storage, _ = server
    published(storage, "org/llama", write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B), shards=4))
    model = read_hub("hf:org/llama", variables)
    assert storage.sent < 1_000_000 < model.parameters.total
    assert any(f"{storage.sent / 1e6:.2f} MB read" in line for line in model.assumptions), model.assumptions
    assert any("14.96 GiB by the headers of 4 files" in line for line in model.assumptions)


def test_a_server_that_ignores_ranges_is_not_read_to_the_end(server, variables, tmp_path):
    storage, _ = server
    storage.ranges = False
    small = {
        **LLAMA_8B,
        "num_hidden_layers": 1,
        "hidden_size": 256,
        "intermediate_size": 512,
        "vocab_size": 32000,
    }
    published(storage, "org/small", write_checkpoint(tmp_path / "m", small, llama(small)))
    assert read_hub("hf:org/small", variables).parameters.embedding == 32000 * 256


def test_a_token_does_not_follow_a_redirect_to_another_host(server, variables, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    storage, _ = server
    storage.gated["org/llama"] = 403
    published(storage, "org/llama", write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B)))
    assert read_hub("hf:org/llama", variables).layers == 32
    assert set(storage.tokens_of_storage) == {""}


def test_a_second_reading_asks_for_the_commit_only(server, variables, tmp_path):
    storage, _ = server
    published(storage, "org/llama", write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B), shards=4))
    first, sent = read_hub("hf:org/llama", variables), storage.sent
    second = read_hub("hf:org/llama", variables)
    assert second.parameters == first.parameters
    assert storage.sent - sent <= 1
    storage.commits["org/llama"] = "f" * 40
    read_hub("hf:org/llama", variables)
    assert storage.sent > sent + 1000


def test_a_commit_that_was_read_needs_no_server(server, variables, tmp_path):
    storage, _ = server
    published(storage, "org/llama", write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B)))
    read_hub(f"hf:org/llama@{COMMIT}", variables)
    seen = storage.requests.total()
    read_hub(f"hf:org/llama@{COMMIT}", variables)
    assert storage.requests.total() == seen


def test_offline_uses_what_was_read_before(server, variables, tmp_path):
    storage, _ = server
    published(storage, "org/llama", write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B)))
    offline = {**variables, "HF_HUB_OFFLINE": "1"}
    with pytest.raises(SetupError, match="HF_HUB_OFFLINE"):
        read_hub("hf:org/llama", offline)
    read_hub("hf:org/llama", variables)
    assert read_hub("hf:org/llama", offline).layers == 32


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_says_how_to_open_it(server, variables, status):
    storage, _ = server
    storage.gated["org/closed"] = status
    with pytest.raises(SetupError, match="is gated") as caught:
        read_hub("hf:org/closed", variables)
    assert "HF_TOKEN" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("hf:org/absent", "no repository"),
        ("hf:org/here@v9", "no revision"),
        ("hf:org/here", "neither safetensors"),
    ],
)
def test_what_is_missing_is_named(server, variables, tmp_path, name, problem):
    storage, _ = server
    (tmp_path / "empty").mkdir()
    published(storage, "org/here", tmp_path / "empty")
    with pytest.raises(InputError, match=problem):
        read_hub(name, variables)


def test_a_shard_that_the_index_names_and_the_repository_lacks_is_an_error(server, variables, tmp_path):
    storage, _ = server
    folder = write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B), shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    published(storage, "org/torn", folder)
    with pytest.raises(InputError, match="model-00002-of-00003"):
        read_hub("hf:org/torn", variables)


def test_a_damaged_header_names_its_file(tmp_path):
    folder = write_checkpoint(tmp_path / "m", LLAMA_8B, llama(LLAMA_8B))
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match=r"model\.safetensors"):
        read_local(folder)


def test_an_unreachable_hub_names_the_mirror_variable(tmp_path):
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    with pytest.raises(SetupError, match="cannot reach") as caught:
        read_hub("hf:org/llama", closed)
    assert "HF_ENDPOINT" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "declaration", "quantization", "bits"),
    [
        ("awq", AWQ, "awq-int4", 4.25),  # zero points are 16-bit numbers once they are loaded
        ("gptq", {"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq-int4", 4.162),
        ("fp8", {"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block", 8.002),
    ],
)
def test_a_quantized_checkpoint_has_the_bits_that_it_stores(tmp_path, kind, declaration, quantization, bits):
    config = {**LLAMA_8B, "quantization_config": declaration}
    model = read_local(write_checkpoint(tmp_path / "m", config, llama(LLAMA_8B, kind)))
    assert model.checkpoint_quantization == quantization
    assert model.parameters == ROWS.model("meta-llama/Llama-3.1-8B").architecture.parameters
    assert model.stored is not None
    assert model.stored.linear_bits == pytest.approx(bits, abs=0.001)


def test_packed_weights_of_an_unknown_method_are_rejected_by_name(tmp_path):
    config = {**LLAMA_8B, "quantization_config": {"quant_method": "novel"}}
    folder = write_checkpoint(tmp_path / "m", config, llama(LLAMA_8B, "awq"))
    with pytest.raises(InputError, match="`novel`"):
        read_local(folder)


def test_layers_for_drafting_are_not_loaded(tmp_path):
    rows = llama(LLAMA_8B)
    extra = {
        name.replace("layers.0.", "layers.32."): row for name, row in rows.items() if "layers.0." in name
    }
    model = read_local(write_checkpoint(tmp_path / "m", LLAMA_8B, {**rows, **extra}))
    assert model.parameters.total == 8030261248
    assert any("drafting" in line for line in model.assumptions)


def test_an_unknown_family_has_the_caches_of_its_tensors(tmp_path):
    """A hybrid: of six layers one has attention, the others a recurrent state; its weights are exact."""
    config = {
        **LLAMA_8B,
        "model_type": "novel_hybrid",
        "num_hidden_layers": 6,
        "ssm_state_size": 128,
        "mamba_head_dim": 64,
    }
    rows = {
        name: row for name, row in llama(config).items() if "self_attn" not in name or "layers.3." in name
    }
    for layer in (0, 1, 2, 4, 5):
        rows[f"model.layers.{layer}.mixer.in_proj.weight"] = ("BF16", [17536, 4096])
        rows[f"model.layers.{layer}.mixer.conv1d.weight"] = ("BF16", [9216, 1, 4])
        rows[f"model.layers.{layer}.mixer.A_log"] = ("F32", [128])
    model = read_local(write_checkpoint(tmp_path / "m", config, rows))
    full, state = sorted(model.kv_groups, key=lambda group: group.kind)
    assert (full.kind, full.layers, full.kv_heads, full.key_dim) == ("full", 1, 8, 128)
    assert (state.kind, state.layers) == ("state", 5)
    assert state.state_bytes == 2 * (9216 * 3 + 128 * 128 * 64)
    assert not model.guessed
    assert any("novel_hybrid" in line for line in model.assumptions)


METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 512,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "llama.feed_forward_length": 1024,
    "llama.context_length": 4096,
    "tokenizer.ggml.tokens": [f"token-{number}" for number in range(4000)],
}
Q4_K, Q6_K, F32 = 12, 14, 0


def gguf_rows() -> list[tuple[str, list[int], int]]:
    rows: list[tuple[str, list[int], int]] = [
        ("token_embd.weight", [4000, 512], Q6_K),
        ("output_norm.weight", [512], F32),
    ]
    for layer in range(2):
        shapes = {"attn_q": [512, 512], "attn_k": [128, 512], "attn_v": [128, 512], "attn_output": [512, 512],
                  "ffn_gate": [1024, 512], "ffn_up": [1024, 512], "ffn_down": [512, 1024]}  # fmt: skip
        rows += [(f"blk.{layer}.{name}.weight", shape, Q4_K) for name, shape in shapes.items()]
        rows += [(f"blk.{layer}.{name}_norm.weight", [512], F32) for name in ("attn", "ffn")]
    return rows


def test_a_gguf_file_has_the_bytes_of_its_own_table(tmp_path):
    path = tmp_path / "toy-Q4_K_M.gguf"
    write_sparse(path, gguf_file(METADATA, gguf_rows()), 1_000_000)
    model = find_model(str(path), None, ROWS)
    linear = 2 * (2 * 512 * 512 + 2 * 128 * 512 + 3 * 1024 * 512)
    assert (model.layers, model.parameters.linear, model.parameters.embedding) == (2, linear, 4000 * 512)
    assert model.checkpoint_quantization == "gguf-q4_k_m"
    assert model.stored is not None
    assert model.stored.linear_bits == 4.5
    assert model.stored.embedding_bits == 6.5625


def test_one_of_several_gguf_files_is_named_by_its_type(server, variables, tmp_path):
    storage, _ = server
    folder = tmp_path / "repo"
    (folder / "UD-Q2_K_XL").mkdir(parents=True)
    for name in ("toy-Q4_K_M.gguf", "toy-UD-Q4_K_XL.gguf", "toy-IQ3_XXS.gguf", "mmproj-F16.gguf"):
        write_sparse(folder / name, gguf_file(METADATA, gguf_rows()), 1_000_000)
    for number in (1, 2):
        rows = gguf_rows()[::2] if number == 1 else gguf_rows()[1::2]
        file = folder / "UD-Q2_K_XL" / f"toy-UD-Q2_K_XL-0000{number}-of-00002.gguf"
        write_sparse(file, gguf_file(METADATA if number == 1 else {"split.no": 1}, rows), 1_000_000)
    published(storage, "org/toy-GGUF", folder)
    assert file_of(read_hub("hf:org/toy-GGUF", variables)) == "toy-Q4_K_M.gguf"
    assert file_of(read_hub("hf:org/toy-GGUF:UD-Q4_K_XL", variables)) == "toy-UD-Q4_K_XL.gguf"
    assert file_of(read_hub("hf:org/toy-GGUF:IQ3_XXS", variables)) == "toy-IQ3_XXS.gguf"
    split = read_hub("hf:org/toy-GGUF:UD-Q2_K_XL", variables)
    assert split.parameters == read_hub("hf:org/toy-GGUF", variables).parameters
    with pytest.raises(InputError, match="no GGUF file `Q5_K_M`") as caught:
        read_hub("hf:org/toy-GGUF:Q5_K_M", variables)
    assert "IQ3_XXS" in caught.value.hint


def file_of(model) -> str:
    return next(
        line.removeprefix("GGUF file: ") for line in model.assumptions if line.startswith("GGUF file: ")
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hf:org/name", ("org/name", "main", None)),
        ("hf:org/name@v1.0", ("org/name", "v1.0", None)),
        ("hf:org/name:Q4_K_M", ("org/name", "main", "Q4_K_M")),
        ("hf:org/name@abc:sub/file.gguf", ("org/name", "abc", "sub/file.gguf")),
    ],
)
def test_a_name_states_revision_and_file(text, parts):
    name = parse_hub_name(text)
    assert (name.repository, name.revision, name.wish) == parts


def test_a_name_without_an_owner_is_an_input_error():
    with pytest.raises(InputError, match="is not a repository"):
        parse_hub_name("hf:name")
