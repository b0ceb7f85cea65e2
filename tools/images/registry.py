"""Build from the bases that the Dockerfiles name, tag for a registry, push: with docker or buildah, into its own store."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from signalbox.errors import InputError, SetupError
from tools.images.build import arguments_of
from tools.images.catalogue import IMAGES, ROOT, Image, version
from tools.images.commands import run_logged

# What makes each build and keep its layers, so that a second build starts where the first changed.
_BUILD = {"docker": ("docker", "build"), "buildah": ("buildah", "bud", "--layers")}
# Both programs take these without an ARG, and keep them out of the image.
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
_SET_HERE = {"VERSION", "REVISION", "SOURCE"}
# A first part without a dot or a port would be taken for a folder of Docker Hub.
_REGISTRY = re.compile(
    r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9-]+(?=:))(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Order:
    """What the caller asks for: a registry's name before each image's, and further options of the builder."""

    registry: str = ""
    push: bool = False
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def tag(self, image: Image) -> str:
        """The name that the image is built under."""
        return "/".join(part for part in (self.registry, f"signalbox/{image.name}:{version()}") if part)


def check(order: Order) -> None:
    """Raises InputError for what a builder would misread or only warn of: a misspelt argument leaves the default."""
    if order.registry and not _REGISTRY.fullmatch(order.registry):
        hint = (
            "Write host[:port][/folder] in lower case and without https://, as in registry.example.org/team."
        )
        raise InputError("REGISTRY", order.registry, hint)
    if order.push and not order.registry:
        raise InputError("PUSH", "1", "Say where to: make images REGISTRY=registry.example.org PUSH=1")
    arguments = _PROXIES.union(*(image.arguments() for image in IMAGES)) - _SET_HERE
    for argument in order.arguments:
        name, _, value = argument.partition("=")
        if name not in arguments or not value:
            raise InputError(
                "BUILD_ARGS", argument, f"Write NAME=VALUE; names: {', '.join(sorted(arguments))}."
            )


def build(images: Sequence[Image], order: Order, folder: Path, console: Console) -> None:
    """Build all, then push all: what a registry holds is of one build, unless pushing breaks off."""
    check(order)
    program = find(console)
    for image in images:
        console.print(f"· {order.tag(image)}")
        try:
            run_logged(build_command(program, image, order), folder / f"{image.name}.log", console)
        except SetupError as error:
            hint = "If the registry of the base images cannot be reached: make images-local, or BUILD_ARGS=PYTHON_IMAGE=…"
            raise SetupError(error.message, hint=f"{hint} (docs/guides/images.md)") from error
    for image in images if order.push else ():
        console.print(f"· {order.tag(image)} is {push(program, image, order, folder, console)}")


def find(console: Console) -> str:
    """The program that builds. A docker without its daemon is reported: its images and those of buildah are in different stores."""
    silent = "docker is not installed"
    if shutil.which("docker"):
        ask = ["docker", "version", "--format", "{{.Server.Version}}"]
        result = subprocess.run(ask, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return "docker"
        reasons = result.stderr.strip().splitlines() or ["no reason given"]
        silent = f"the docker daemon does not answer ({reasons[-1]})"
    if shutil.which("buildah") is None:
        raise SetupError(
            f"{silent}, and buildah is not installed.", hint="apt-get install buildah (or docker.io)"
        )
    console.print(f"· with buildah: {silent}", highlight=False, markup=False)
    return "buildah"


def build_command(program: str, image: Image, order: Order) -> list[str]:
    """An image is given only the arguments that its Dockerfile takes, so that no warning hides a real one."""
    names = _PROXIES | image.arguments()
    return [
        *_BUILD[program], *arguments_of(image),
        *(f"--build-arg={one}" for one in order.arguments if one.partition("=")[0] in names),
        *order.options, "--tag", order.tag(image), str(ROOT),
    ]  # fmt: skip


def push_command(program: str, tag: str, digest: Path) -> list[str]:
    """Buildah writes the digest into a file; docker prints it."""
    return [program, "push", *(["--digestfile", str(digest)] if program == "buildah" else []), tag]


def push(program: str, image: Image, order: Order, folder: Path, console: Console) -> str:
    """Returns the digest that the registry knows the image by; a chart takes it as `image.digest`."""
    log, digest = folder / f"{image.name}.push.log", folder / f"{image.name}.digest"
    try:
        run_logged(push_command(program, order.tag(image), digest), log, console)
    except SetupError as error:
        host = order.registry.partition("/")[0]
        raise SetupError(error.message, hint=f"If it asks for credentials: {program} login {host}") from error
    output = (digest if program == "buildah" else log).read_text(encoding="utf-8")
    digest.unlink(missing_ok=True)
    digests = _DIGEST.findall(output)
    return digests[-1] if digests else "pushed"
