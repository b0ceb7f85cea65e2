"""Parts import the core and nothing from each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Folder → packages of this repository, and heavy libraries, that it must not import.
FORBIDDEN = {
    "src/signalbox": ("services", "numpy", "sklearn", "mlflow", "fastapi", "kserve", "onnxruntime"),
    "services/encoder": ("services.assessor", "pipelines", "mlflow", "sklearn", "torch", "fastapi"),
    "services/assessor": ("services.encoder", "pipelines", "mlflow", "kserve", "onnxruntime", "numpy"),
    "pipelines": ("services", "torch", "fastapi", "kserve"),
}


def imports_of(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_stay_inside_the_boundary(folder: str) -> None:
    """No file of a part imports another part or a library that only another part declares."""
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in imports_of(path)
        for forbidden in FORBIDDEN[folder]
        if name == forbidden or name.startswith(f"{forbidden}.")
    ]
    # The command line starts the other parts on one machine; it loads them inside the command.
    allowed = ("src/signalbox/cli.py", "src/signalbox/local/", "tools/docs/pages.py")
    assert [line for line in broken if not line.startswith(allowed)] == []


def test_every_part_has_files() -> None:
    """The check above looks at something."""
    assert all(list((ROOT / folder).rglob("*.py")) for folder in FORBIDDEN)
