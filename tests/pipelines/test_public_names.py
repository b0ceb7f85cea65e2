"""The packages that others import list their public names."""

from importlib import import_module

import pytest

PACKAGES = ("pipelines.statistics",)


def constants_classes_functions(name):
    return (not name.isupper(), name[0].islower(), name)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_sorted_and_importable(package):
    module = import_module(package)
    assert module.__all__ == sorted(module.__all__, key=constants_classes_functions)
    assert all(hasattr(module, name) for name in module.__all__)
