"""Which images there are, their inputs, and the digest that names a build of it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from signalbox.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "docker.io/signalbox"  # as containerd writes a name without a registry
_IGNORED = {"Dockerfile", "__pycache__"}  # in .dockerignore, too


@dataclass(frozen=True)
class Image:
    """An image: its Dockerfile from the root, and the target in it (None: the last stage)."""

    name: str
    dockerfile: str
    target: str | None = None

    def text(self) -> str:
        """Its Dockerfile without the stages that the target does not need."""
        return needed_stages((ROOT / self.dockerfile).read_text(encoding="utf-8"), self.target)

    def arguments(self) -> set[str]:
        """The build arguments that its Dockerfile takes."""
        return set(re.findall(r"^ARG (\w+)", self.text(), re.MULTILINE))

    def reference(self, version: str) -> str:
        """The name that a chart asks for, written in full."""
        return f"{PREFIX}/{self.name}:{version}"


IMAGES = (
    Image("assessor", "images/python.Dockerfile", "assessor"),
    Image("encoder", "images/python.Dockerfile", "encoder"),
    Image("pipelines", "images/python.Dockerfile", "pipelines"),
    Image("mlflow", "images/mlflow/Dockerfile"),
    Image("llama-server", "images/llama-server/Dockerfile", "server"),
    Image("llama-server-smollm2", "images/llama-server/Dockerfile", "smollm2"),
)


def select(names: list[str]) -> list[Image]:
    """The images named, or all. Raises InputError for a name that is none."""
    by_name = {image.name: image for image in IMAGES}
    for name in names:
        if name not in by_name:
            raise InputError("image", name, f"Choose from {', '.join(by_name)}.")
    return [by_name[name] for name in names] or list(IMAGES)


def needed_stages(dockerfile: str, target: str | None) -> str:
    """The head of a Dockerfile, then the stages that `target` (None: the last one) is built from, in their order."""
    head, *texts = re.split(r"^(?=FROM )", dockerfile, flags=re.MULTILINE)
    names = [
        match[1] if (match := re.search(r"^FROM \S+ AS (\S+)", text)) else str(number)
        for number, text in enumerate(texts)
    ]
    needed, waiting = set[str](), [target or names[-1]]
    while waiting:
        name = waiting.pop()
        if name in names and name not in needed:
            needed.add(name)
            text = texts[names.index(name)]
            waiting += re.findall(r"^FROM (\S+)", text) + re.findall(
                r"^COPY --from=(\S+)", text, re.MULTILINE
            )
    return head + "".join(text for name, text in zip(names, texts, strict=True) if name in needed)


def version() -> str:
    """The version of the project: the tag of every image."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def copied(dockerfile: str) -> list[str]:
    """The paths that a Dockerfile copies from the repository, as written."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
    return sorted({source.rstrip("/") for line in lines for source in line.split()[:-1]})


def inputs(image: Image) -> list[str]:
    """Everything below the root that the image depends on."""
    return [image.dockerfile, ".dockerignore", *copied(image.text())]


def digest(image: Image, *more: str) -> str:
    """Twelve hex digits over the image's inputs and what else it is built with."""
    hasher = hashlib.sha256("\0".join([image.name, image.target or "", *more]).encode())
    for path in sorted(set(_files(inputs(image), image))):
        hasher.update(f"\0{path.relative_to(ROOT)}\0{path.stat().st_mode & 0o111}\0".encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()[:12]


def _files(names: Iterable[str], image: Image) -> Iterable[Path]:
    for name in names:
        path = ROOT / name
        if not path.exists():
            raise InputError(image.dockerfile, name, "The Dockerfile copies it, but it does not exist.")
        if path.is_file():
            yield path
        else:
            yield from (
                file
                for file in path.rglob("*")
                if file.is_file()
                and not _IGNORED.intersection(file.relative_to(ROOT).parts)
                and file.suffix != ".pyc"
            )
