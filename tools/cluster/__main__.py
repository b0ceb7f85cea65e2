"""`python -m tools.cluster check | up [IMAGE.tar…] | demo | down | exec -- COMMAND…`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from signalbox.errors import SetupError
from tools.cluster.cluster import default_layout, down, up
from tools.cluster.demo import demo
from tools.cluster.inside import CommandError, Inside
from tools.cluster.needs import check_machine

USAGE = "usage: python -m tools.cluster check | up [IMAGE.tar…] | demo [--port N] | down | exec -- COMMAND…\n"
_INTERRUPTED = 130


def main(words: list[str]) -> int:
    """Do what the first word says; 1 when this machine lacks something, 2 when the word is none of ours."""
    layout = default_layout()
    try:
        match words:
            case ["up", *archives]:
                up(layout, [Path(archive) for archive in archives])
            case ["check"]:
                check_machine()
            case ["demo", *options]:
                flags = _demo_options(options)
                demo(layout, Console(soft_wrap=True), port=flags.port, interactive=not flags.no_interactive)
            case ["down"]:
                down(layout)
            case ["exec", "--", program, *more]:
                command = Inside(layout).command(program, *more)
                os.execvpe(command[0], command, layout.environment())  # noqa: S606 - the user's own command
            case _:
                sys.stderr.write(USAGE)
                return 2
    except SetupError as error:
        hint = f"hint: {error.hint}\n" if error.hint else ""
        sys.stderr.write(f"error: {error.message}\n{hint}")
        return 1
    except CommandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _demo_options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.cluster demo")
    parser.add_argument("--port", type=int, default=8080, help="port of 127.0.0.1 for the page (0: any)")
    parser.add_argument("--no-interactive", action="store_true", help="send one text, then stop")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
