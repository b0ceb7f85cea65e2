"""`python -m tools.images build|local|paths [IMAGE…]`, `… bases --check|--update`: see docs/guides/images.md."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from signalbox.errors import EXIT_FAILURE, EXIT_INPUT, InputError, SignalboxError
from tools.cache import images_folder
from tools.images import base_digests
from tools.images.build import archive_of, build_local
from tools.images.catalogue import IMAGES, select, version
from tools.images.registry import Order, build

_COMMANDS = {
    "build": "with docker or buildah, from the bases that the Dockerfiles name",
    "local": "as archives, on bases of Debian packages",
    "paths": "print each image's name and archive",
}


def main(arguments: list[str]) -> int:
    """Run a command; an error is a message, a hint and an exit status."""
    options = _parser().parse_args(arguments)
    console = Console(soft_wrap=True)
    try:
        return _run(options, console)
    except SignalboxError as error:
        console.print(f"error: {error.message}", style="red", markup=False)
        if error.hint:
            console.print(f"hint: {error.hint}", markup=False)
        return EXIT_INPUT if isinstance(error, InputError) else EXIT_FAILURE


def _run(options: argparse.Namespace, console: Console) -> int:
    if options.what == "bases":
        return base_digests.run(console, write=options.update, plain_http=options.plain_http)
    images = select(options.image)
    if options.what == "build":
        order = Order(options.registry, options.push, tuple(options.build_arg), tuple(options.build_option))
        build(images, order, images_folder(), console)
    elif options.what == "local":
        build_local(images, images_folder(), console)
    else:
        for image in images:
            name, archive = image.reference(version()), archive_of(image, images_folder())
            console.print(f"{name} {archive}", highlight=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.images", description="Container images.")
    commands = parser.add_subparsers(dest="what", required=True)
    build, *others = (commands.add_parser(name, help=text) for name, text in _COMMANDS.items())
    for command in (build, *others):
        command.add_argument("image", nargs="*", help=", ".join(image.name for image in IMAGES))
    build.add_argument("--registry", default="", help="the name before each image's: host[:port][/folder]")
    build.add_argument("--push", action="store_true", help="push to that registry when all are built")
    build.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as in PYTHON_IMAGE=…"
    )
    build.add_argument("--build-option", action="append", default=[], help="handed to the builder as it is")
    bases = commands.add_parser("bases", help="compare the digests of base images with their registries")
    what = bases.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--check", action="store_true", help="exit status 3 if a tag has moved or is not pinned"
    )
    what.add_argument("--update", action="store_true", help="write the digests into the Dockerfiles")
    bases.add_argument("--plain-http", action="store_true", help="reach the registries without TLS")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
