"""The boots of vLLM 0.24.0 in the package: rows that are whole, and logs that agree with the rows."""

from math import ceil
from pathlib import Path

import pytest

from signalbox.capacity import datafile
from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.units import GIB
from tools.capacity import DATA

LOGS = Path(__file__).parents[3] / "data" / "boots"
ROWS = {row["case"]: row for row in datafile.read_rows(DATA / "boots-vllm-0.24.0.jsonl")}
TERMS = ("weights_gib", "activation_gib", "non_torch_gib", "graph_estimate_gib", "kv_gib")


@pytest.mark.parametrize("case", [case for case, row in ROWS.items() if row["rc"] == 0])
def test_the_terms_of_a_row_add_up_to_its_budget(case: str) -> None:
    row = ROWS[case]
    budget = ceil(row["cuda_total_gib"] * GIB * row["engine"]["gpu_memory_utilization"]) / GIB
    assert sum(row[term] for term in TERMS) == pytest.approx(budget, abs=0.0005)
    assert row["max_num_seqs"] == row["engine"]["max_num_seqs"]
    assert row["max_num_batched_tokens"] == row["engine"]["max_num_batched_tokens"]


def test_an_empty_compile_cache_costs_a_copy_of_the_embedding_once() -> None:
    cold, warm = ROWS["llama-3.1-8b-256-2048-cold"], ROWS["llama-3.1-8b-256-2048-warm"]
    embedding, states = 128256 * 4096 * 2, 2 * 2048 * 4096 * 2
    assert cold["activation_gib"] == pytest.approx((embedding + states) / GIB, abs=0.001)
    assert warm["activation_gib"] == ROWS["llama-3.1-8b-256-2048-eager"]["activation_gib"]


@pytest.mark.parametrize(
    ("log", "case"),
    [
        ("vllm-0.24.0-h100-llama-8b", "llama-3.1-8b-1024-8192-cold"),
        ("vllm-0.24.0-h100-qwen-7b-debug", "qwen2.5-7b-256-2048-warm"),
        ("vllm-0.24.0-2xh100-llama-8b-debug", "llama-3.1-8b-tp2-256-2048"),
    ],
)
def test_a_log_agrees_with_its_row(log: str, case: str) -> None:
    boot, row = read_log(LOGS / f"{log}.log"), ROWS[case]
    sizes = {
        "weights_gib": boot.weights_bytes,
        "activation_gib": boot.activation_bytes,
        "non_torch_gib": boot.non_torch_bytes,
        "graph_gib": boot.graphs_bytes,
        "graph_estimate_gib": boot.graphs_estimate_bytes,
        "kv_gib": boot.kv_bytes,
    }
    for field, count in sizes.items():
        assert count is None or count / GIB == pytest.approx(row[field], abs=0.0051), field
    assert (boot.weights_bytes, boot.kv_bytes) != (None, None)
    assert (boot.version, boot.kv_tokens, boot.max_concurrency) == (
        "0.24.0",
        row["kv_tokens"],
        row["max_conc"],
    )
    assert (boot.concurrency, boot.batched_tokens) == (row["max_num_seqs"], row["max_num_batched_tokens"])
