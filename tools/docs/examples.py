"""The output of commands in the guides: blocks of text whose first line is `$ signalbox …`."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile

from tools.measure import ROOT

_BLOCK = re.compile(r"^```text\n\$ (signalbox .+)\n(?:.*\n)*?```$", re.MULTILINE)
_COLUMNS = "90"


def guide(name: str) -> str:
    """A guide with the current output of each of its commands."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return _BLOCK.sub(lambda block: f"```text\n$ {block[1]}\n{output(block[1])}\n```", text)


def output(command: str) -> str:
    """What a command prints, without the settings, files and clusters of this machine; it must succeed."""
    with tempfile.TemporaryDirectory() as state:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
        own |= {"COLUMNS": _COLUMNS, "NO_COLOR": "1", "KUBECONFIG": os.devnull, "SIGNALBOX_STATE_DIR": state}
        own["SIGNALBOX_CACHE_DIR"] = state
        program, *arguments = shlex.split(command)
        process = subprocess.run(
            [sys.executable, "-m", f"{program}.cli", *arguments],
            cwd=ROOT,
            env=own,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=True,
        )
    return "\n".join(line.rstrip() for line in process.stdout.strip().splitlines())
