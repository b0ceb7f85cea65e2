"""`signalbox check-boot`: the comparison on the screen, and what is stored."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from signalbox.capacity.boot_logs.corrections import load_corrections
from signalbox.capacity.boot_logs.spec_from_log import LogOverrides
from signalbox.capacity.cli.check_boot import check_boot
from signalbox.cli import installed_app
from signalbox.errors import InputError
from signalbox.settings import Settings

BOOTS = Path(__file__).parents[3] / "data" / "boots"
LLAMA = BOOTS / "vllm-0.19-h100-llama-8b-tp4.log"
H100 = LogOverrides(gpu="h100")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "run")


def run(settings: Settings, log: Path, overrides: LogOverrides, cluster: str | None = None) -> str:
    """What the command prints; stores when a cluster is named."""
    out = StringIO()
    check_boot(
        settings, log, Console(file=out, width=200), overrides, store=cluster is not None, cluster=cluster
    )
    return out.getvalue()


def test_the_command_shows_the_table_and_stores(settings: Settings) -> None:
    output = run(settings, LLAMA, H100, cluster="lab")
    assert "bf16 on 4× H100, vllm 0.19.0" in output
    assert "│ weights       │ 3.77 GiB  │ 3.77 GiB  │" in output
    assert "predicted: fits; measured: started" in output
    assert "stored for cluster lab" in output
    assert len(load_corrections(settings, "lab").boots) == 1


def test_without_store_nothing_is_written(settings: Settings) -> None:
    run(settings, LLAMA, H100)
    assert not settings.state_dir.exists()


def test_store_requires_the_cluster_before_the_log_is_read(settings: Settings) -> None:
    with pytest.raises(InputError, match="--cluster NAME"):
        check_boot(settings, Path("none.log"), Console(file=StringIO()), H100, store=True, cluster=" ")


def test_a_failed_boot_is_shown_and_stores_nothing(settings: Settings) -> None:
    log = BOOTS / "vllm-0.19-h100-no-memory.log"
    output = run(settings, log, H100)
    assert "measured: failed" in output
    assert "error in the log: Free memory on device cuda:1" in output
    with pytest.raises(InputError, match="measures no term"):
        run(settings, log, H100, cluster="lab")
    assert not load_corrections(settings, "lab").boots


def test_a_cold_boot_and_the_wrong_gpu_are_pointed_out(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "boot.log"
    log.write_text(
        (BOOTS / "vllm-0.29-a100-llama-8b.log").read_text(encoding="utf-8")
        + "INFO [backends.py:394] Compiling a graph for compile range (1, 8192) takes 20.11 s\n",
        encoding="utf-8",
    )
    output = run(settings, log, LogOverrides(gpu="h200"))
    assert "the compile cache was empty" in output
    assert "the log's GPU has 79.25 GiB" in output


@pytest.mark.parametrize(
    ("log", "reason"), [("vllm-0.11-4090-context", "non-torch"), ("llama-server-cpu-smollm2", "no layer")]
)
def test_memory_of_another_machine_is_not_stored(settings: Settings, log: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        run(settings, BOOTS / f"{log}.log", H100, "lab")
    assert not load_corrections(settings, "lab").boots


def test_options_override_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
    arguments = (
        "--gpu",
        "L4",
        "--model",
        "qwen2.5-7b-instruct",
        "--quantization",
        "awq",
        "--concurrency",
        "8",
    )
    limits = ("--engine-version", "0.20.1", "--batched-tokens", "2048", "--gpu-memory-utilization", "0.5")
    result = CliRunner().invoke(installed_app(), ["check-boot", str(LLAMA), *arguments, *limits])
    assert result.exit_code == 0, result.output
    assert "Qwen/Qwen2.5-7B-Instruct awq-int4 on 4× L4, vllm 0.20.1" in result.output


def test_text_without_a_startup_is_an_error_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("hello", encoding="utf-8")
    result = CliRunner().invoke(installed_app(), ["check-boot", str(path)])
    assert result.exit_code == 2
    assert f"error: no vLLM or llama.cpp startup found in `{path}`" in " ".join(result.stderr.split())
    assert "hint: " in result.stderr
