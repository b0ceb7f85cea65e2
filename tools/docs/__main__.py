"""Write the generated pages and files below a repository's root: `python -m tools.docs [ROOT]`."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.docs.pages import FILES

root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
for name, content in FILES.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content(), encoding="utf-8")
