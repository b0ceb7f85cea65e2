"""Indexes as pip and uv would use them."""

from pathlib import Path

import pytest

from signalbox.artifacts.catalogue.index_settings import PYPI, index_settings

A, B, C = (f"https://{name}.example.org/simple" for name in "abc")


@pytest.mark.parametrize(
    ("environment", "urls"),
    [
        ({"PIP_INDEX_URL": f"{A}/"}, (A,)),
        ({"UV_INDEX_URL": A, "PIP_INDEX_URL": B}, (A,)),
        ({"UV_DEFAULT_INDEX": A, "UV_INDEX_URL": B}, (A,)),
        ({"UV_INDEX": f"corp={B} {C}", "PIP_INDEX_URL": A}, (B, C, A)),
        ({"PIP_EXTRA_INDEX_URL": f"{B}\n{A}", "PIP_INDEX_URL": A}, (B, A)),
        ({"PIP_INDEX_URL": A, "PIP_NO_INDEX": "1"}, ()),
        ({"PIP_INDEX_URL": A, "UV_OFFLINE": "true"}, ()),
        ({"PIP_INDEX_URL": "", "PIP_NO_INDEX": "0", "PIP_CONFIG_FILE": "/dev/null"}, (PYPI,)),
    ],
)
def test_variables(environment, urls, tmp_path):
    assert index_settings(environment, tmp_path).urls == urls


def test_a_url_with_an_equals_sign_in_its_query_is_no_name(tmp_path):
    assert index_settings({"PIP_INDEX_URL": A, "UV_INDEX": f"{B}?a=b"}, tmp_path).urls[0] == f"{B}?a=b"


def test_the_files_of_pip_and_uv(tmp_path):
    pip = tmp_path / ".config" / "pip" / "pip.conf"
    pip.parent.mkdir(parents=True)
    pip.write_text(
        f"[global]\nindex_url = {A}\nextra-index-url =\n  {B}\nfind-links = /opt/wheels\n", encoding="utf-8"
    )
    settings = index_settings({}, tmp_path)
    assert settings.urls == (B, A)
    assert Path("/opt/wheels") in settings.folders
    uv = tmp_path / ".config" / "uv" / "uv.toml"
    uv.parent.mkdir(parents=True)
    uv.write_text(f'[[index]]\nurl = "{C}"\ndefault = true\n', encoding="utf-8")
    assert index_settings({}, tmp_path).urls == (B, C)


def test_files_that_cannot_be_read_count_as_absent(tmp_path):
    for name in (".config/pip/pip.conf", ".config/uv/uv.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\xff[ no")
    assert index_settings({"PIP_INDEX_URL": A}, tmp_path).urls == (A,)


def test_folders_are_paths_and_not_urls(tmp_path):
    settings = index_settings({"PIP_FIND_LINKS": f"/a file:///b {C}", "UV_FIND_LINKS": "c"}, tmp_path)
    assert settings.folders == (Path("c"), Path("/a"), Path("/b"))
