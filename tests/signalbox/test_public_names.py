"""The packages that others import list their public names."""

from importlib import import_module

import pytest


@pytest.mark.parametrize("package", ["signalbox.models", "signalbox.store"])
def test_public_names_are_sorted_and_importable(package: str) -> None:
    module = import_module(package)
    assert module.__all__ == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
