"""Write the boards, rules and their page below a repository's root: `python -m dashboards [ROOT]`."""

from __future__ import annotations

import sys
from pathlib import Path

from dashboards.files import FOLDER, files
from signalbox.errors import EXIT_INPUT, InputError


def main(root: Path) -> int:
    """Write all files and remove those of boards that are gone; 2 if a query is wrong."""
    try:
        texts = files()
    except InputError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return EXIT_INPUT
    for stale in {path for path in (root / FOLDER).glob("*/*") if str(path.relative_to(root)) not in texts}:
        stale.unlink()
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path()))
