"""The peers' environments: what is missing has a reason, and nothing is installed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers import environments
from benchmarks.peers.environments import PEERS, Peer, PeerMissingError, program
from signalbox.settings import Settings


def peer(monkeypatch: pytest.MonkeyPatch, command: list[str], path: str = "tool") -> None:
    monkeypatch.setitem(PEERS, "toy", Peer("toy", "1", "toys", ("toy",), path))
    monkeypatch.setitem(environments.INSTALLERS, "toys", lambda *_: [command])


def test_a_failed_installation_names_its_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    peer(monkeypatch, ["sh", "-c", "echo no network >&2; exit 3"])
    with pytest.raises(PeerMissingError, match="toy: `sh` ended with 3: no network"):
        program("toy", Settings(cache_dir=tmp_path), lambda _: None)


def test_an_installer_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    peer(monkeypatch, ["no-such-installer"])
    with pytest.raises(PeerMissingError, match="toy: `no-such-installer` is not installed"):
        program("toy", Settings(cache_dir=tmp_path), lambda _: None)


def test_a_complete_environment_is_used_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines: list[str] = []
    settings = Settings(cache_dir=tmp_path)
    peer(monkeypatch, ["touch", "tool"])
    first = program("toy", settings, lines.append)
    peer(monkeypatch, ["false"])
    assert program("toy", settings, lines.append) == first
    assert len(lines) == 2  # before and after the only installation


def test_each_registry_has_an_installer() -> None:
    assert {one.kind for one in PEERS.values()} <= set(environments.INSTALLERS)


def test_a_peer_that_does_not_start_is_not_complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(PEERS, "toy", Peer("toy", "1", "toys", ("toy",), "tool", check=("--version",)))
    script = "printf '#!/bin/sh\\necho too old >&2; exit 1\\n' > tool; chmod +x tool"
    monkeypatch.setitem(environments.INSTALLERS, "toys", lambda *_: [["sh", "-c", script]])
    with pytest.raises(PeerMissingError, match="ended with 1: too old"):
        program("toy", Settings(cache_dir=tmp_path), lambda _: None)
    assert not (tmp_path / "peers/toy-1/complete").exists()
