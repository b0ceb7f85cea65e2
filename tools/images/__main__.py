"""`python -m tools.images build|local|paths [IMAGE…]`: see docs/how-to/images.md."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from signalbox.errors import SignalboxError
from tools.cache import images_folder
from tools.images.build import archive_of, build, build_local
from tools.images.catalogue import IMAGES, select, version


def main(arguments: list[str]) -> int:
    """Run one of the three; an error is its sentence and status 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description="Container images.")
    parser.add_argument("what", choices=["build", "local", "paths"])
    parser.add_argument("image", nargs="*", help=", ".join(image.name for image in IMAGES))
    given = parser.parse_args(arguments)
    console = Console(soft_wrap=True)
    try:
        images = select(given.image)
        if given.what == "build":
            build(images, images_folder(), console)
        elif given.what == "local":
            build_local(images, images_folder(), console)
        else:
            for image in images:
                console.print(
                    f"{image.reference(version())} {archive_of(image, images_folder())}", highlight=False
                )
    except SignalboxError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
