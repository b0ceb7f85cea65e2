"""The GPU of a plan: as people write it, by its figures alone, and the one of this machine (by output of the tools)."""

import pytest

from signalbox.capacity.hardware import detect
from signalbox.capacity.hardware.select import Figures, select_gpu
from signalbox.capacity.models.catalogue import load
from signalbox.errors import InputError, SetupError

ROWS = load()
NONE = Figures()


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("2xL4", 2, "l4"),
        ("4 L4", 4, "l4"),
        ("L4x4", 4, "l4"),
        ("L4 x 4", 4, "l4"),
        ("2× L4", 2, "l4"),
        ("L4:2", 2, "l4"),
        ("RTX 4090", None, "rtx-4090"),
        ("2x 4090", 2, "rtx-4090"),
        ("g6.12xlarge", 4, "l4"),
        ("2xg6.12xlarge", 8, "l4"),
        ("p4d.24xlarge", 8, "a100-40gb"),
        ("a2-highgpu-2g", 2, "a100-40gb"),
        ("Standard_NC24ads_A100_v4", 1, "a100-80gb-pcie"),
        ("standard_nd96isr_h200_v5", 8, "h200"),
        ("MI300X", None, "mi300x"),
    ],
)
def test_a_gpu_is_read_as_people_write_it(text, count, name):
    selection = select_gpu(text, NONE, ROWS)
    assert (selection.count, selection.gpu.name) == (count, name)


@pytest.mark.parametrize(
    ("text", "planned", "others"),
    [
        ("a100", "A100-80GB", ("A100-40GB", "A100-80GB-PCIe")),
        ("2xA100", "A100-80GB", ("A100-40GB",)),
        ("v100", "V100-16GB", ("V100-32GB",)),
        ("H100", "H100", ("H100-PCIe", "H100-NVL")),
    ],
)
def test_a_family_name_says_which_variant_is_planned_and_that_others_exist(text, planned, others):
    (note,) = select_gpu(text, NONE, ROWS).notes
    assert note.startswith(planned)
    assert all(name in note for name in others)


@pytest.mark.parametrize("text", ["a100-40gb", "H100-NVL", "L4", "rtx-4090"])
def test_an_exact_name_has_no_note(text):
    assert select_gpu(text, NONE, ROWS).notes == ()


def test_an_unknown_machine_of_a_known_family_lists_the_family():
    with pytest.raises(InputError, match=r"unknown machine `g6\.99xlarge`") as caught:
        select_gpu("g6.99xlarge", NONE, ROWS)
    assert "g6.12xlarge" in caught.value.hint


def test_a_gpu_is_planned_by_its_memory_alone():
    gpu = select_gpu("", Figures(memory=48), ROWS).gpu
    assert (gpu.total_gib, gpu.total_is_estimated, gpu.has_rules) == (47.25, True, False)


def test_figures_complete_a_gpu_without_a_name_and_change_a_named_one():
    unnamed = select_gpu("", Figures(48, 8.6, 768), ROWS).gpu
    assert (unnamed.has_rules, unnamed.bandwidth_gbps) == (True, 768)
    changed = select_gpu("M4 Max", Figures(memory=64), ROWS).gpu
    assert (changed.nominal_gb, changed.total_gib) == (64, 48.0)


@pytest.mark.parametrize(
    "figures", [Figures(memory=0), Figures(48, 1), Figures(48, 8.6, -1), Figures(None, 8.6)]
)
def test_figures_out_of_range_are_an_input_error(figures):
    with pytest.raises(InputError, match=r"--gpu-memory|--capability|--bandwidth"):
        select_gpu("", figures, ROWS)


NVIDIA_SMI = "NVIDIA L4, 23034, 8.9\nNVIDIA L4, 23034, 8.9\nTesla T4, 15360, 7.5\n"
ROCM_SMI = (
    '{"card0": {"Card Series": "AMD Instinct MI300X", "VRAM Total Memory (B)": "206141652992"},'
    ' "card1": {"Card Series": "AMD Instinct MI300X", "VRAM Total Memory (B)": "206141652992"}, "system": {}}'
)


def tool(command: tuple[str, ...], text: str):
    """A stand-in for one vendor's tool: the output it printed; the other tools are absent."""
    return lambda asked: text if tuple(asked) == command else None


def test_the_largest_gpus_of_nvidia_smi_are_planned_and_the_others_named():
    selection = select_gpu("auto", NONE, ROWS, lambda: detect.local_gpus(tool(detect.NVIDIA, NVIDIA_SMI)))
    assert (selection.count, selection.gpu.name) == (2, "l4")
    assert "nvidia-smi" in selection.notes[0]
    assert "Tesla T4" in selection.notes[1]


def test_an_unknown_card_of_nvidia_smi_is_planned_by_its_figures():
    text = "NVIDIA Quadro Novel 9000, 49140, 8.6\n"
    gpu = select_gpu("auto", NONE, ROWS, lambda: detect.local_gpus(tool(detect.NVIDIA, text))).gpu
    assert (gpu.compute_capability, round(gpu.nominal_gb)) == (8.6, 48)


def test_a_shared_memory_chip_of_nvidia_smi_has_the_catalogues_memory():
    text = "NVIDIA GB10, [N/A], 12.1\n"
    selection = select_gpu("auto", NONE, ROWS, lambda: detect.local_gpus(tool(detect.NVIDIA, text)))
    assert (selection.count, selection.gpu.name, selection.gpu.total_gib) == (1, "gb10", 119.6)


def test_rocm_smi_and_sysctl_are_read():
    amd = select_gpu("auto", NONE, ROWS, lambda: detect.local_gpus(tool(detect.AMD, ROCM_SMI)))
    assert (amd.count, amd.gpu.name) == (2, "mi300x")
    apple = select_gpu(
        "auto", NONE, ROWS, lambda: detect.local_gpus(tool(detect.APPLE, "Apple M4 Max\n68719476736\n"))
    )
    assert (apple.gpu.name, apple.gpu.nominal_gb, apple.gpu.total_gib) == ("m4-max", 64.0, 48.0)


def test_a_machine_without_a_tool_says_what_to_state():
    with pytest.raises(SetupError, match="no GPU on this machine") as caught:
        select_gpu("auto", NONE, ROWS, lambda: detect.local_gpus(lambda _: None))
    assert "--gpu-memory" in caught.value.hint
