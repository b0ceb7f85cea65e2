"""`python -m tools.cluster check | up [IMAGE.tar…] | down | exec -- COMMAND…`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from signalbox.errors import SetupError
from tools.cluster.cluster import default_layout, down, up
from tools.cluster.inside import Inside
from tools.cluster.needs import check_machine

USAGE = "usage: python -m tools.cluster check | up [IMAGE.tar…] | down | exec -- COMMAND…\n"


def main(words: list[str]) -> int:
    """Do what the first word says; 1 when this machine lacks something, 2 when the word is none of ours."""
    layout = default_layout()
    try:
        match words:
            case ["up", *archives]:
                up(layout, [Path(archive) for archive in archives])
            case ["check"]:
                check_machine()
            case ["down"]:
                down(layout)
            case ["exec", "--", program, *more]:
                command = Inside(layout).command(program, *more)
                os.execvpe(command[0], command, layout.environment())  # noqa: S606 - the user's own command
            case _:
                sys.stderr.write(USAGE)
                return 2
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
