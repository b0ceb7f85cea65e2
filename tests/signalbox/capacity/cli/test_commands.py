"""`signalbox plan` on the command line."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from typer.testing import CliRunner

from signalbox.capacity.planner.result import Plan
from signalbox.cli import installed_app
from tests.signalbox.capacity.kube import api, node, pod

FITS, FAILURE, INPUT = 0, 1, 2


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("COLUMNS", "100")


def run(*arguments: str):
    result = CliRunner().invoke(installed_app(), ["plan", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def flat(text: str) -> str:
    return " ".join(text.split())


def test_one_screen():
    result = run("--model", "llama-3.1-8b", "--gpu", "l4", "--concurrency", "8")
    assert result.exit_code == FITS
    assert len(result.output.splitlines()) <= 40
    for part in (
        "✓ fits",
        "W weights",
        "K KV cache",
        "throughput",
        "energy",
        "vllm serve",
        "--max-num-seqs 8",
        "8,192",
    ):
        assert part in result.output


def test_json_is_the_published_schema():
    result = run("--model", "llama-3.1-8b", "--gpu", "2xT4", "--json")
    schema = json.loads(Path("docs/reference/plan.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validate(schema, json.loads(result.output))
    assert Plan.model_validate_json(result.output).gpu == "t4"


def test_every_option_reaches_the_answer():
    result = run(
        *(
            "--model",
            "llama-3.1-8b",
            "--gpu",
            "4xH100-SXM5-80GB",
            "--engine",
            "vllm",
            "--engine-version",
            "0.19.0",
        ),
        *("--quantization", "fp8", "--dtype", "bf16", "--kv-dtype", "fp8", "--context", "4096"),
        *("--concurrency", "32", "--batched-tokens", "4096", "--tp", "2", "--pp", "2"),
        *("--gpu-memory-utilization", "0.8", "--eager", "--json"),
    )
    answer = Plan.model_validate_json(result.output)
    assert (answer.gpu, answer.gpus, answer.engine_version, answer.regime) == (
        "h100",
        4,
        "0.19.0",
        "vllm-0.20",
    )
    assert (answer.quantization, answer.dtype, answer.kv_dtype) == ("fp8", "bfloat16", "fp8")
    assert (answer.context, answer.concurrency, answer.batched_tokens) == (4096, 32, 4096)
    assert (answer.tensor_parallel, answer.pipeline_parallel) == (2, 2)
    assert (answer.memory_utilization, answer.eager) == (0.8, True)
    assert "--enforce-eager" in answer.flags


def test_unproven_rules_are_overruled_by_an_option():
    arguments = (
        "--model",
        "llama-3.1-8b",
        "--gpu",
        "T4",
        "--engine",
        "tgi",
        "--quantization",
        "awq",
        "--json",
    )
    assert Plan.model_validate_json(run(*arguments).output).verdict == "unsupported"
    answer = Plan.model_validate_json(run(*arguments, "--allow-unproven").output)
    assert (answer.verdict, answer.overruled) == ("fits", ("tgi-generation",))


def test_a_ranking_marks_unproven_options():
    result = run("--gpus", "1xT4", "--model", "llama-3.1-8b", "--engine", "tgi", "--allow-unproven")
    assert "awq-int4*" in result.output
    assert "warning: * unproven, allowed by --allow-unproven" in result.output


def test_explain_has_every_term():
    result = run("--model", "llama-3.1-8b", "--gpu", "l4", "--explain")
    for term in ("weights", "non_torch", "activation", "graphs", "kv_cache", "reserve"):
        assert f"│ {term}" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--model", "lama-3.1-8b", "--gpu", "l4"), "did you mean `meta-llama/Llama-3.1-8B`"),
        (("--model", "llama-3.1-8b", "--gpu", "l5"), "did you mean `l4`"),
        (("--model", "qwen3-14b", "--gpu", "8xh100", "--tp", "5"), "--tp: got 5."),
        (("--model", "llama-3.1-8b", "--gpu", "h100", "--context", "200000"), "--context: got 200000."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--context", "-5"), "--context: got -5."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--concurrency", "-1"), "--concurrency: got -1."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--tp", "two"), "--tp: got 'two'."),
        ((), "a model or GPUs are required"),
        (("--model", "llama-3.1-8b", "--gpu-memory", "0"), "--gpu-memory: got 0.0."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--bandwidth", "0"), "--bandwidth: got 0.0."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--bandwidth", "nan"), "--bandwidth: got nan."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--bandwidth", "inf"), "--bandwidth: got inf."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--capability", "nan"), "--capability: got nan."),
        (("--model", "llama-3.1-8b", "--gpu-memory", "nan"), "--gpu-memory: got nan."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--cpu-offload-gb", "nan"), "--cpu-offload-gb: got nan."),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--cpu-offload-gb", "inf"), "--cpu-offload-gb: got inf."),
        (
            ("--model", "llama-3.1-8b", "--gpu", "l4", "--cpu-offload-gb", "1e308"),
            "--cpu-offload-gb: got 1e+308.",
        ),
        (
            ("--model", "llama-3.1-8b", "--gpu", "l4", "--gpu-memory-utilization", "nan"),
            "--gpu-memory-utilization: got nan.",
        ),
        (
            ("--model", "llama-3.1-8b", "--gpu", "l4", "--speculative", "ngram", "--speculative-tokens", "0"),
            "--speculative-tokens: got 0.",
        ),
        (("--gpus", "l4", "--sort", "best"), "unknown order `best` (`--sort`)"),
        (("--gpus", "l4", "--html", "x.html"), "`--html` shows one model"),
        (("--gpu", "l4"), "one of `--model` and `--config` is required"),
        (
            ("--model", "llama-3.1-8b", "--gpu", "l4", "--gpus", "l4"),
            "`--gpu` and `--gpus` exclude each other",
        ),
        (
            ("--model", "llama-3.1-8b", "--gpu", "l4", "--kube-context", "x"),
            "`--kube-context` requires `--cluster`",
        ),
        (("--model", "llama-3.1-8b", "--gpu", "l4", "--corrections", "lab"), "check-boot LOG --store"),
        (
            ("--model", "llama-3.1-8b", "--gpu", "l4", "--prices", "absent.yaml"),
            "cannot read `absent.yaml` (`--prices`): No such file",
        ),
        (("--config", "absent.json", "--gpu", "l4"), "cannot read `absent.json` (`--config`): No such file"),
    ],
)
def test_bad_input_is_exit_status_2_with_field_value_and_hint(arguments, text):
    result = run(*arguments)
    assert result.exit_code == INPUT
    assert "error: " in result.stderr
    assert text in flat(result.stderr)
    assert "Traceback" not in result.output


def test_impossible_input_still_has_its_json():
    result = run("--model", "qwen3-14b", "--gpu", "8xh100", "--tp", "5", "--json")
    assert result.exit_code == INPUT
    assert Plan.model_validate_json(result.stdout).verdict == "unsupported"


def test_an_answer_of_no_is_an_answer():
    result = run("--model", "llama-3.1-70b", "--gpu", "l4", "--quantization", "bf16")
    assert result.exit_code == FITS
    assert "✕ does not fit" in result.output
    assert "options that fit" in result.output


def test_values_are_written_once_and_only_for_what_fits(tmp_path):
    path = tmp_path / "values.yaml"
    fits = ("--model", "llama-3.1-8b", "--gpu", "l4", "--concurrency", "4", "--write", str(path))
    assert run(*fits).exit_code == FITS
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["gpu"] == {"product": "L4", "count": 1}
    again = run(*fits)
    assert (again.exit_code, "--overwrite" in again.stderr) == (INPUT, True)
    assert run(*fits, "--overwrite").exit_code == FITS
    other = tmp_path / "other.yaml"
    no = run("--model", "llama-3.1-70b", "--gpu", "l4", "--quantization", "bf16", "--write", str(other))
    assert no.exit_code == FAILURE
    assert not other.exists()


def test_a_ranking_writes_its_first_or_its_cheapest(tmp_path):
    path = tmp_path / "values.yaml"
    arguments = ("--gpus", "1xT4,1xH100", "--model", "llama-3.1-8b", "--write", str(path), "--overwrite")
    assert run(*arguments).exit_code == FITS
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["gpu"]["product"] == "H100"
    result = run(*arguments, "--prices", "src/signalbox/capacity/data/prices.yaml")
    assert "cheapest: meta-llama/Llama-3.1-8B" in result.output
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["gpu"]["product"] == "T4"


def test_prices_alone_search_what_has_a_price(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(
        "currency: EUR\ngpu_hour:\n- {gpu: L4, price: 0.5}\n- {gpu: T4, price: 0.4}\n", encoding="utf-8"
    )
    result = run("--model", "llama-3.1-8b", "--quantization", "bf16", "--prices", str(path), "--json")
    answer = json.loads(result.output)
    assert answer["inventory"] == ["8xl4", "8xt4"]
    assert (answer["cheapest"]["gpu"], answer["cheapest"]["price_per_hour"]) == ("l4", 0.5)
    assert answer["currency"] == "EUR"


def test_a_task_gives_the_lengths():
    result = run("--model", "llama-3.1-8b", "--gpu", "l4", "--task", "tasks/medical", "--json")
    answer = Plan.model_validate_json(result.output)
    assert "4 characters per token" in answer.workload.source
    assert answer.speed is not None


def test_the_free_gpus_of_a_cluster_are_ranked(tmp_path, monkeypatch):
    gpu = "nvidia.com/gpu"
    nodes = [
        node("a", {"nvidia.com/gpu.product": "NVIDIA-L4"}, {gpu: 2}),
        node("b", {"nvidia.com/gpu.product": "Tesla-T4"}, {gpu: 1}),
        node("c", {"nvidia.com/gpu.product": "NVIDIA-H100-NVL-SHARED"}, {gpu: 10}),
    ]
    with api(nodes, [pod("a", 1), pod("b", 1)], tmp_path) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        result = run("--cluster", "--model", "llama-3.1-8b")
        answer = json.loads(run("--cluster", "--model", "llama-3.1-8b", "--json").output)
    assert result.exit_code == FITS
    assert "excluded: c: NVIDIA-H100-NVL-SHARED" in flat(result.output)
    assert "excluded: b: Tesla-T4: all 1 are in use" in flat(result.output)
    assert answer["inventory"] == ["1xl4"]


def test_a_stored_boot_corrects_the_plan_with_a_note(tmp_path):
    log = "tests/data/boots/vllm-0.19-h100-llama-8b-tp4.log"
    boot = CliRunner().invoke(
        installed_app(), ["check-boot", log, "--gpu", "h100", "--store", "--cluster", "lab"]
    )
    assert boot.exit_code == FITS, boot.output
    arguments = ("--model", "llama-3.1-8b", "--gpu", "4xh100", "--tp", "4", "--engine-version", "0.19.0")
    result = run(*arguments, "--quantization", "bf16", "--gpu-memory-utilization", "0.95", "--json")
    answer = Plan.model_validate_json(result.output)
    assert any("cluster lab" in note for note in answer.notes)
    assert any("corrected by" in part.formula for part in answer.parts)


def test_a_model_alone_lists_the_machines_that_hold_it():
    result = run("--model", "llama-3.1-8b", "--top", "3")
    assert result.exit_code == 0
    assert "1× L4" in result.output
    assert "33,120" in result.output
    answer = json.loads(run("--model", "llama-3.1-8b", "--json").output)
    assert answer["offers"][0]["gpu"] == "t4"


def test_a_gpu_is_planned_by_its_memory_alone():
    result = run("--model", "llama-3.1-8b", "--gpu-memory", "48")
    assert result.exit_code == 0
    assert "memory only" in result.output


def test_an_inventory_may_be_given_as_the_gpu():
    answer = json.loads(run("--model", "llama-3.1-8b", "--gpu", "2xT4,1xL4", "--json").output)
    assert answer["inventory"] == ["2xt4", "1xl4"]


def test_an_ollama_tag_is_planned_for_ollama():
    answer = json.loads(run("--model", "qwen3:14b", "--gpu", "l4", "--json").output)
    assert (answer["engine"], answer["quantization"]) == ("ollama", "gguf-q4_k_m")


def test_the_page_is_written(tmp_path):
    path = tmp_path / "plan.html"
    result = run("--model", "llama-3.1-8b", "--gpu", "l4", "--html", str(path), "--language", "de")
    assert result.exit_code == 0
    assert "Planung für" in path.read_text()


def test_sixteen_gpus_are_two_nodes_of_eight(tmp_path):
    wish = ("--model", "Llama-3.1-405B", "--gpu", "16xH100", "--quantization", "bf16")
    answer = json.loads(run(*wish, "--json").output)
    assert (answer["tensor_parallel"], answer["pipeline_parallel"], answer["fits"]) == (8, 2, True)
    assert any("2 nodes with 8 GPUs each" in note for note in answer["notes"])
    path = tmp_path / "values.yaml"
    assert run(*wish, "--write", str(path)).exit_code == 0
    assert yaml.safe_load(path.read_text())["parallelism"] == {"tensor": 8, "pipeline": 2, "nodes": 2}
    assert run(*wish, "--tp", "16").exit_code == INPUT


def test_the_hint_of_the_overview_leads_to_a_command():
    overview = run("--model", "llama-3.1-8b")
    words = overview.output.rpartition("the command to start it: add ")[2].split()
    assert words == ["--gpu", "1xT4"]
    result = run("--model", "llama-3.1-8b", *words)
    assert "vllm serve" in result.output
    assert "no command is printed" not in result.output


def test_the_hint_of_the_overview_names_a_machine_whose_quantization_has_known_files():
    overview = run("--model", "google/gemma-3-27b-it")
    words = overview.output.rpartition("the command to start it: add ")[2].split()
    assert "vllm serve" in run("--model", "google/gemma-3-27b-it", *words).output


def test_images_of_a_model_without_vision_are_noted():
    result = run("--model", "llama-3.1-8b", "--gpu", "l4", "--images", "4")
    assert result.exit_code == FITS
    assert "no effect of `--images`" in flat(result.output)
    assert "no effect" not in run("--model", "llama-3.1-8b", "--gpu", "l4", "--images", "0").output


def test_a_context_below_the_charts_minimum_is_not_written(tmp_path):
    schema = json.loads(Path("charts/model-server/values.schema.json").read_text(encoding="utf-8"))
    least, target = schema["properties"]["context"]["minimum"], tmp_path / "values.yaml"
    arguments = ("--model", "llama-3.1-8b", "--gpu", "l4", "--write", str(target))
    result = run(*arguments, "--context", str(least - 1))
    assert result.exit_code == INPUT
    assert f"use `--context {least}` or more" in flat(result.output)
    assert not target.exists()
    assert run(*arguments, "--context", str(least)).exit_code == FITS
    assert yaml.safe_load(target.read_text(encoding="utf-8"))["context"] == least
