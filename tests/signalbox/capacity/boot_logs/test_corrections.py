"""The corrections file: what a boot corrects, and for which specs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signalbox.capacity.boot_logs.corrections import (
    Boot,
    corrections_path,
    load_corrections,
    store_boot,
)
from signalbox.capacity.models.catalogue import load
from signalbox.capacity.spec import Correction, Spec
from signalbox.errors import InputError
from signalbox.settings import Settings

CATALOGUE = load()
BOOT = Boot(
    cluster="lab",
    engine="vllm",
    version="0.19.0",
    regime="vllm-0.20",
    gpu="H100",
    model="meta-llama/Llama-3.1-8B",
    quantization="bf16",
    tensor_parallel=1,
    weights_bytes=100,
    activation_bytes=-20,
    graphs_bytes=3,
    non_torch_bytes=50,
    recorded=datetime(2025, 11, 2, tzinfo=UTC),
    log="boot.log",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "run")


@pytest.fixture
def spec() -> Spec:
    return Spec(
        model=CATALOGUE.model(BOOT.model).architecture,
        gpu=CATALOGUE.gpu("h100"),
        engine=CATALOGUE.engine("vllm", "0.18.1"),
        quantization=CATALOGUE.quantization("bf16"),
        dtype="bfloat16",
        context=8192,
    )


@pytest.fixture
def boot(spec: Spec) -> Boot:
    """The boot, on the GPU as the catalogue names it."""
    return BOOT.model_copy(update={"gpu": spec.gpu.name, "regime": spec.engine.regime})


def test_nothing_stored_is_no_correction(settings: Settings, spec: Spec) -> None:
    assert load_corrections(settings, "lab").of(spec) is None
    assert not load_corrections(settings, "lab").boots


def test_the_same_spec_is_corrected_in_all_terms(settings: Settings, spec: Spec, boot: Boot) -> None:
    store_boot(settings, boot)
    assert load_corrections(settings, "lab").of(spec) == Correction("lab", 100, -20, 3, 50)


def test_another_model_takes_over_what_belongs_to_the_machines(
    settings: Settings, spec: Spec, boot: Boot
) -> None:
    store_boot(settings, boot)
    other = replace(spec, model=CATALOGUE.model("qwen2.5-7b-instruct").architecture)
    assert load_corrections(settings, "lab").of(other) == Correction("lab", non_torch_bytes=50)


@pytest.mark.parametrize(
    "change",
    [
        {"gpu": CATALOGUE.gpu("l4")},
        {"tensor_parallel": 2},
        {"pipeline_parallel": 2},
        {"engine": CATALOGUE.engine("vllm", "0.24.0")},
        {"engine": CATALOGUE.engine("tgi")},
    ],
)
def test_other_machines_are_not_corrected(
    settings: Settings, spec: Spec, boot: Boot, change: dict[str, object]
) -> None:
    store_boot(settings, boot)
    assert load_corrections(settings, "lab").of(replace(spec, **change)) is None  # type: ignore[arg-type]


def test_another_cluster_is_not_corrected(settings: Settings, spec: Spec, boot: Boot) -> None:
    store_boot(settings, boot)
    assert load_corrections(settings, "cloud").of(spec) is None


def test_a_newer_boot_replaces_the_older_one_of_its_spec(settings: Settings, spec: Spec, boot: Boot) -> None:
    store_boot(settings, boot)
    store_boot(settings, boot.model_copy(update={"cluster": "cloud"}))
    store_boot(settings, boot.model_copy(update={"weights_bytes": 7}))
    correction = load_corrections(settings, "lab").of(spec)
    assert correction is not None
    assert correction.weights_bytes == 7
    assert len(load_corrections(settings, "lab").boots) == 1
    assert len(load_corrections(settings, "cloud").boots) == 1


def test_the_newest_boot_counts_for_the_machines(settings: Settings, spec: Spec, boot: Boot) -> None:
    store_boot(settings, boot)
    store_boot(settings, boot.model_copy(update={"quantization": "fp8", "non_torch_bytes": 9}))
    other = replace(spec, model=CATALOGUE.model("qwen2.5-7b-instruct").architecture)
    assert load_corrections(settings, "lab").of(other) == Correction("lab", non_torch_bytes=9)


@pytest.mark.parametrize("text", ["boots: 3", "boots: [{cluster: lab}]", "{unclosed", "boot: []"])
def test_an_invalid_file_is_named(settings: Settings, text: str) -> None:
    path = corrections_path(settings)
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"capacity-corrections\.yaml.*fix or delete it"):
        load_corrections(settings, "lab")


def test_the_file_names_its_writer(settings: Settings, boot: Boot) -> None:
    path = store_boot(settings, boot)
    assert path.read_text(encoding="utf-8").startswith("# Written by `signalbox check-boot --store`")
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no partial file is left
