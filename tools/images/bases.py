"""Base images for a machine that reaches Debian's packages but no image registry.

They replace the images that the Dockerfiles name: the same Debian release and Python series, from the same
packages. `essential` leaves out apt, so that nothing can be installed into a running container.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tools.images.commands import run_logged

SUITE = "bookworm"
_ARCHIVES = (
    f"deb http://deb.debian.org/debian {SUITE} main",
    f"deb http://deb.debian.org/debian {SUITE}-updates main",
    f"deb http://deb.debian.org/debian-security {SUITE}-security main",
)
# Without it the package that merges /bin into /usr is installed, and brings all of Perl.
_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
# As in Debian's own slim images.
_LEFT_OUT = ("man", "doc", "locale", "info")


@dataclass(frozen=True)
class Base:
    """A root file system: which build argument takes it, and its packages."""

    argument: str
    variant: str
    packages: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Its name in the local store; another recipe has another name."""
        recipe = "\0".join([self.variant, *self.packages, *_ARCHIVES, *_LEFT_OUT])
        name = self.argument.removesuffix("_IMAGE").lower()
        return f"localhost/signalbox-base/{name}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


BASES = (
    # libstdc++6 is what numpy and onnxruntime load; the image that it stands in for has it through apt.
    Base("PYTHON_IMAGE", "essential", ("ca-certificates", "libstdc++6", "python3")),
    Base("BUILD_IMAGE", "apt", ("ca-certificates", "python3", "python3-venv")),
    Base("RUNTIME_IMAGE", "essential", ("ca-certificates", "libstdc++6")),
)


def bootstrap(base: Base, archive: Path) -> list[str]:
    """The command that writes a base's root file system as a tar archive."""
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT]
    return [
        "mmdebstrap", "--quiet", "--mode=root", f"--variant={base.variant}", f"--hook-dir={_MERGED_USR}", *left_out,
        "--dpkgopt=path-include=/usr/share/doc/*/copyright", f"--include={','.join(base.packages)}",
        SUITE, str(archive), *_ARCHIVES,
    ]  # fmt: skip


def make(base: Base, buildah: list[str], folder: Path, console: Console) -> None:
    """Write the base into buildah's store."""
    console.print(f"· base for {base.argument}: Debian {SUITE} with {', '.join(base.packages)}")
    archive = folder / "base.tar"
    log = folder / f"{base.argument.lower()}.log"
    try:
        run_logged(bootstrap(base, archive), log, console)
        recipe = folder / "Containerfile"
        recipe.write_text("FROM scratch\nADD base.tar /\n", encoding="utf-8")
        build = [
            *buildah,
            "bud",
            "--timestamp",
            "0",
            "--tag",
            base.reference,
            "--file",
            str(recipe),
            str(folder),
        ]
        run_logged(build, log.with_suffix(".build.log"), console)
    finally:
        archive.unlink(missing_ok=True)
