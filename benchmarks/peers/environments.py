"""The peers' own environments in the cache: pinned, installed once by the registry's ordinary client.

Nothing of a peer enters the environment of this repository: torch and LiteLLM would change what is measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from signalbox.settings import Settings

Report = Callable[[str], None]
_PYTHON = "3.11"
_INSTALL_SECONDS = 3600  # npm took half an hour for promptfoo on a busy machine


class PeerMissingError(Exception):
    """A peer cannot run on this machine; the text is the reason. The other peers run all the same."""


@dataclass(frozen=True)
class Peer:
    """Something to install: `kind` is the registry (pypi, npm or debian), `program` is relative to its folder."""

    name: str
    version: str
    kind: str
    packages: tuple[str, ...]
    program: str
    note: str = ""
    check: tuple[str, ...] = ()  # arguments with which the program must succeed


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "sentence-transformers",
            "6.2.0",
            "pypi",
            ("sentence-transformers==6.2.0", "torch==2.15.0", "transformers==5.24.0"),
            "bin/python",
            # PyPI's PyTorch contains the CUDA libraries and does not import without them.
            "about 6 GiB",
        ),
        # It writes llama.cpp's file; llama.cpp itself is the wheel of this repository.
        Peer("gguf", "0.19.0", "pypi", ("gguf==0.19.0", "safetensors==0.8.0"), "bin/python"),
        Peer("litellm", "1.108.7", "pypi", ("litellm[proxy]==1.108.7",), "bin/litellm", "about 1 GiB"),
        Peer("deepeval", "4.3.1", "pypi", ("deepeval==4.3.1",), "bin/python"),
        Peer(
            "promptfoo",
            "0.123.1",
            "npm",
            # It rejects Node.js before 22.22, and Debian's and many others are older.
            ("promptfoo@0.123.1", "node@22.23.3"),
            "node_modules/.bin/promptfoo",
            check=("--version",),
        ),
        # Debian has one version at a time, so none is pinned; the row names the one that ran.
        Peer("nginx", "debian", "debian", ("nginx",), "usr/sbin/nginx"),
    )
}


def program(name: str, settings: Settings, report: Report) -> Path:
    """Path of the peer's program, installed where it is missing. Raises PeerMissingError with the reason."""
    peer = PEERS[name]
    if peer.kind == "debian" and (path := shutil.which(peer.program.rsplit("/", 1)[-1])):
        return Path(path)
    folder = settings.cache_dir / "peers" / f"{peer.name}-{peer.version}"
    complete = folder / "complete"
    if not complete.exists():
        note = f" ({peer.note})" if peer.note else ""
        report(f"  · installing {' '.join(peer.packages)} into {folder}{note}")
        started = time.perf_counter()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        commands = INSTALLERS[peer.kind](peer, folder)
        for command in [*commands, [str(folder / peer.program), *peer.check]] if peer.check else commands:
            _run(peer, command, folder)
        complete.touch()
        report(f"  · {peer.name} {peer.version}: installed in {time.perf_counter() - started:.0f} s")
    path = folder / peer.program
    if not path.exists():
        raise PeerMissingError(
            f"{peer.name} {peer.version} has no {peer.program}; remove {folder} and run again"
        )
    return path


def environment(path: Path) -> dict[str, str]:
    """Variables of a peer's process: the programs next to its own come first, as promptfoo's own Node.js does."""
    return {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def title(name: str, path: str) -> str:
    """Name and version for a table; a peer of Debian names its own version."""
    peer = PEERS.get(name)
    if peer is None or peer.kind != "debian":
        return f"{name} {peer.version}" if peer else name
    done = subprocess.run([path, "-v"], check=False, capture_output=True, text=True)
    return f"{name} {(done.stderr + done.stdout).strip().rsplit('/', 1)[-1]}"


def _pypi(peer: Peer, folder: Path) -> list[list[str]]:
    python = str(folder / "bin" / "python")
    return [
        # uv starts this process (`make`), so it is where UV says.
        [_uv(), "venv", "--quiet", "--allow-existing", "--python", _PYTHON, str(folder)],
        [_uv(), "pip", "install", "--quiet", "--python", python, *peer.packages],
    ]


def _npm(peer: Peer, folder: Path) -> list[list[str]]:
    options = ["--no-audit", "--no-fund", "--loglevel=error"]
    return [["npm", "install", "--prefix", str(folder), *options, *peer.packages]]


def _debian(peer: Peer, folder: Path) -> list[list[str]]:
    """The package's files without an installation, which would need root and start a service."""
    script = f"apt-get download {' '.join(peer.packages)} && for file in *.deb; do dpkg -x $file .; done"
    return [["sh", "-c", f"cd '{folder}' && {script}"]]


INSTALLERS = {"pypi": _pypi, "npm": _npm, "debian": _debian}


def _uv() -> str:
    return os.environ.get("UV") or shutil.which("uv") or "uv"


def _run(peer: Peer, command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            cwd=folder,
            env=environment(folder / peer.program),
        )
    except FileNotFoundError as error:
        raise PeerMissingError(f"{peer.name}: `{command[0]}` is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise PeerMissingError(f"{peer.name}: not installed within {_INSTALL_SECONDS} s") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise PeerMissingError(f"{peer.name}: `{command[0]}` ended with {done.returncode}: {last}")
