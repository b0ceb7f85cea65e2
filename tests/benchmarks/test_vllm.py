"""The benchmarks of vLLM as far as they run without a GPU: cases, configurations, and the load on a chat API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.vllm_assessor import compare, predict
from benchmarks.vllm_boots import read_log
from benchmarks.vllm_load import ANSWER_TOKENS, Answer, Load, figures, run_load
from benchmarks.vllm_models import configuration, write_model
from tests.services.assessor.streams import streaming_server

CASES = json.loads(Path("benchmarks/vllm_boots.json").read_text(encoding="utf-8"))
REJECTION = "ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (528). Each decode sequence requires one."


def test_each_case_has_its_own_name_and_states_its_limits() -> None:
    assert len({case["case"] for case in CASES}) == len(CASES)
    for case in CASES:
        assert {"max_model_len", "max_num_seqs", "max_num_batched_tokens"} <= case["engine"].keys()


def test_each_case_has_a_configuration_that_names_its_class(tmp_path: Path) -> None:
    for case in CASES:
        write_model(tmp_path, configuration(case["model"], case.get("config")))
        config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
        assert len(config["architectures"]) == 1
        assert config["vocab_size"] > 0


def test_a_vision_model_gets_an_image_processor(tmp_path: Path) -> None:
    write_model(tmp_path, configuration("Qwen/Qwen2.5-VL-7B-Instruct"))
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["max_pixels"] == 12_845_056


def test_a_log_gives_the_blocks_of_a_hybrid_that_are_too_few() -> None:
    row = read_log(f"Setting attention block size to 544 tokens to ensure\n{REJECTION}\n")
    assert (row["hybrid_block_size"], row["mamba_blocks"]) == (544, 528)
    assert row["error"].startswith("ValueError: max_num_seqs (1024)")


def test_an_answer_counts_by_the_part_of_its_time_in_the_window() -> None:
    answers = [Answer(0.0, 0.1, 2.0, 100), Answer(1.0, 1.2, 2.0, 100), Answer(1.5, 1.8, 2.5, 100)]
    row = figures(answers, (1.0, 2.0), watts=360.0)
    assert row["tokens_per_second"] == pytest.approx(50 + 100 + 50)
    assert row["ttft_p50_ms"] == pytest.approx(250)  # of the two that were sent in the window
    assert row["wh_per_1000_answers"] == pytest.approx(360 / 2 * 1000 / 3600)


def test_ratios_are_taken_within_a_round() -> None:
    def run(tokens: float) -> dict[str, float]:
        names = ("ttft_p50_ms", "ttft_p99_ms", "answer_seconds", "watts", "wh_per_1000_answers", "failed")
        return {"tokens_per_second": tokens, **dict.fromkeys(names, 1.0)}

    rounds = [{"direct": run(100), "through": run(50)}, {"direct": run(10), "through": run(10)}]
    row = compare(rounds, clients=4)
    assert (row["tokens_ratio"], row["tokens_ratio_range"], row["failed"]) == (0.75, [0.5, 1.0], 4.0)


def test_the_planner_is_asked_for_the_same_load() -> None:
    row = predict("NVIDIA H200", 16, 259)
    low, high = row["planner_tokens_per_second"]  # type: ignore[misc]
    assert low < 6700 < high  # measured: docs/log.md


@contextmanager
def load_on(failing: bool) -> Iterator[Load]:
    now = time.monotonic()
    with streaming_server(tokens=ANSWER_TOKENS, failing=failing) as server:
        yield Load(f"{server.url}/v1/chat/completions", 3, 0, now, now + 0.2)


def test_clients_stream_whole_answers() -> None:
    with load_on(failing=False) as load:
        answers, failed = run_load(load)
    assert failed == 0
    assert {answer.tokens for answer in answers} == {ANSWER_TOKENS}
    assert all(answer.start < answer.first <= answer.end for answer in answers)
    assert len(answers) >= 3


def test_a_broken_stream_is_a_failure_and_no_answer() -> None:
    with load_on(failing=True) as load:
        answers, failed = run_load(load)
    assert answers == []
    assert failed >= 3
