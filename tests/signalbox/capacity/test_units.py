"""Rounding and version numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from signalbox.capacity.units import ceil_div, parse_version, round_up


@given(st.integers(0, 2**80), st.integers(1, 2**40))
def test_rounding_up_adds_less_than_a_step(number: int, step: int) -> None:
    assert 0 <= round_up(number, step) - number < step
    assert ceil_div(number, step) * step == round_up(number, step)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.24", "0.24.0"),
        ("v0.24.0", "0.24"),
        ("0.23.1rc1.dev550+g58d6a6e60", "0.23.1"),
        ("3.3.5-rocm", "3.3.5"),
        ("b11434", "11434"),
    ],
)
def test_versions_of_engines_are_releases(text: str, release: str) -> None:
    assert parse_version(text) == Version(release)


def test_a_version_of_two_digits_is_above_one_of_one() -> None:
    assert parse_version("0.9.2") < parse_version("0.10") < parse_version("0.24.0")


def test_a_text_without_a_number_is_no_version() -> None:
    with pytest.raises(InvalidVersion):
        parse_version("latest")
