"""`python -m tools.package build | verify | push REGISTRY`: see docs/guides/publish.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from signalbox.errors import EXIT_FAILURE, EXIT_INPUT, InputError, SignalboxError
from tools.cache import images_folder
from tools.charts import ROOT
from tools.images.catalogue import select
from tools.oci.layout import Layout
from tools.package.build import LAYOUT, build, verify
from tools.package.push import push_charts, push_images, target

FOLDER = ROOT / "build" / "package"


def main(arguments: list[str]) -> int:
    """Run a command; an error is a message, a hint and an exit status."""
    options = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    try:
        {"build": _build, "verify": _verify, "push": _push}[options.what](options, console)
    except SignalboxError as error:
        console.print(f"error: {error.message}")
        if error.hint:
            console.print(f"hint: {error.hint}")
        return EXIT_INPUT if isinstance(error, InputError) else EXIT_FAILURE
    return 0


def _build(options: argparse.Namespace, console: Console) -> None:
    for line in build(options.folder, key=options.key, url=options.url):
        console.print(line)


def _verify(options: argparse.Namespace, console: Console) -> None:
    for line in verify(options.folder):
        console.print(line)


def _push(options: argparse.Namespace, console: Console) -> None:
    to = target(options.registry, overwrite=options.overwrite, plain_http=options.plain_http)
    images = select(options.image)
    if options.only != "images":
        for line in push_charts(Layout(options.folder / LAYOUT), to):
            console.print(f"· oci://{line}")
    if options.only != "charts":
        for line in push_images(images, images_folder(), to):
            console.print(f"· {line}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.package", description="Charts as others install them."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are (default: build/package)")
    commands = parser.add_subparsers(dest="what", required=True)
    build = commands.add_parser("build", help="write archives, layout, indexes and provenance")
    build.add_argument("--key", default="", help="key of gpg that signs them")
    build.add_argument("--url", default="", help="address of the repository, for index.yaml")
    commands.add_parser("verify", help="compare them with the digests of their provenance")
    push = commands.add_parser("push", help="push charts and images")
    push.add_argument("registry", nargs="?", default="", help="host[:port][/folder]")
    push.add_argument("--only", choices=("charts", "images"), help="push nothing else")
    push.add_argument("--image", action="append", default=[], help="an image (default: all)")
    push.add_argument("--overwrite", action="store_true", help="replace what has the same tag")
    push.add_argument("--plain-http", action="store_true", help="reach the registry without TLS")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
