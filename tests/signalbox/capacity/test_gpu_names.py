"""GPU names as NVIDIA writes them."""

import pytest

from signalbox.capacity.gpu_names import product, quantity
from tests.signalbox.capacity.specs import catalogue


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l4", "L4"),
        ("l40s", "L40S"),
        ("h100-nvl", "H100-NVL"),
        ("h100-pcie", "H100-PCIe"),
        ("a100-80gb", "A100-80GB"),
        ("h100-mig-1g.10gb", "H100-MIG-1g.10gb"),
    ],
)
def test_a_product_is_written_as_its_vendor_does(name: str, text: str) -> None:
    assert product(name) == text
    assert quantity(2, name) == f"2× {text}"


def test_every_gpu_is_found_by_its_product() -> None:
    rows = catalogue()
    assert all(rows.gpu(gpu.product) is gpu for gpu in rows.gpus)
