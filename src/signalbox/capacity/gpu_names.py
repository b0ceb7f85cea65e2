"""GPU names for people: the catalogue's lower-case ids as NVIDIA writes the products."""

from __future__ import annotations

_SLICE = "-mig-"


def product(name: str) -> str:
    """l4 is L4, h100-pcie is H100-PCIe, and h100-mig-1g.10gb is H100-MIG-1g.10gb: MIG profiles are lower case."""
    whole, separator, profile = name.partition(_SLICE)
    return whole.upper().replace("PCIE", "PCIe") + separator.upper() + profile


def quantity(count: int, name: str) -> str:
    """A number of GPUs, for example 2× H100-NVL."""
    return f"{count}× {product(name)}"
