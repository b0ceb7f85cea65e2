"""GPU names for people: the catalogue's lower-case ids as their owners write the products."""

from __future__ import annotations

import re

_SLICE = "-mig-"
_WRITTEN = {
    "pcie": "PCIe",
    "ti": "Ti",
    "ada": "Ada",
    "max": "Max",
    "pro": "Pro",
    "ultra": "Ultra",
    "jetson": "Jetson",
    "orin": "Orin",
    "thor": "Thor",
    "gaudi": "Gaudi",
    "arc": "Arc",
    "ryzen": "Ryzen",
}


def product(name: str) -> str:
    """l4 is L4, h100-pcie is H100-PCIe, and h100-mig-1g.10gb is H100-MIG-1g.10gb: MIG profiles are lower case."""
    whole, separator, profile = name.partition(_SLICE)
    rtx = whole.startswith("rtx-pro")  # NVIDIA writes RTX PRO, Apple M4 Pro
    words = [word.upper() if rtx else _WRITTEN.get(word, word.upper()) for word in re.split("-", whole)]
    return "-".join(words) + separator.upper() + profile


def quantity(count: int, name: str) -> str:
    """A number of GPUs, for example 2× H100-NVL."""
    return f"{count}× {product(name)}"
