"""`python -m tools.images build|local|paths [IMAGE…]`: see docs/guides/images.md."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from signalbox.errors import SignalboxError
from tools.cache import images_folder
from tools.images.build import archive_of, build_local
from tools.images.catalogue import IMAGES, select, version
from tools.images.registry import Order, build

_COMMANDS = {
    "build": "with docker or buildah, from the bases that the Dockerfiles name",
    "local": "as archives, on bases of Debian packages",
    "paths": "print each image's name and archive",
}


def main(arguments: list[str]) -> int:
    """Run one of the three; an error is a message, a hint and exit status 1."""
    options = _parser().parse_args(arguments)
    console = Console(soft_wrap=True)
    try:
        images = select(options.image)
        if options.what == "build":
            order = Order(
                options.registry, options.push, tuple(options.build_arg), tuple(options.build_option)
            )
            build(images, order, images_folder(), console)
        elif options.what == "local":
            build_local(images, images_folder(), console)
        else:
            for image in images:
                console.print(
                    f"{image.reference(version())} {archive_of(image, images_folder())}", highlight=False
                )
    except SignalboxError as error:
        console.print(f"error: {error.message}", style="red", markup=False)
        if error.hint:
            console.print(f"hint: {error.hint}", markup=False)
        return 1
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
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
