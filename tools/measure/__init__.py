"""How the repository reads: shares and counts with a limit each. `make measure` prints them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = Path(__file__).with_name("words.yaml")
PYTHON_FOLDERS = ("src", "pipelines", "services", "local", "tools")
