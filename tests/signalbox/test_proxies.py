"""Which servers a proxy or a .netrc of the environment may concern."""

from pathlib import Path

import pytest

from signalbox.proxies import uses_environment

DECODER = "http://decoder.example.org/v1"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "netrc"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_a_proxy_and_a_netrc_nothing_applies() -> None:
    assert not uses_environment(DECODER)


def test_a_proxy_applies_to_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert uses_environment(DECODER)
    assert not uses_environment(DECODER.replace("http", "https"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://model-server.signalbox:8000/v1"])
def test_neither_loopback_nor_a_host_of_no_proxy_is_reached_through_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", ".signalbox")
    assert not uses_environment(url)


@pytest.mark.parametrize("variable", [True, False])
def test_a_netrc_applies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, variable: bool) -> None:
    file = tmp_path / ("passwords" if variable else ".netrc")
    file.write_text("machine decoder.example.org login a password b\n")
    if variable:
        monkeypatch.setenv("NETRC", str(file))
    assert uses_environment(DECODER)
