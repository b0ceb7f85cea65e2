"""Parts import the library and nothing from each other; the library imports nothing above it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ABOVE = ("local", "pipelines", "services", "tools", "dashboards", "benchmarks", "tests")

# Folder → packages of this repository, and heavy libraries, that it must not import.
FORBIDDEN = {
    "src/signalbox": (*ABOVE, "numpy", "sklearn", "mlflow", "fastapi", "kserve", "onnxruntime"),
    "services/encoder": (
        "services.assessor",
        "local",
        "pipelines",
        "tools",
        "mlflow",
        "sklearn",
        "torch",
        "fastapi",
    ),
    "services/assessor": (
        "services.encoder",
        "local",
        "pipelines",
        "tools",
        "mlflow",
        "kserve",
        "onnxruntime",
        "numpy",
    ),
    "pipelines": ("services", "local", "tools", "benchmarks", "torch", "fastapi", "kserve"),
    "local": ("tools", "benchmarks", "tests", "torch"),
    "tools": ("local", "services", "dashboards", "benchmarks", "tests"),
    "dashboards": ("local", "pipelines", "services", "tools", "benchmarks", "tests"),
}

# The planner's rooms from the ground up: a room imports only rooms before it.
ROOMS = ("models", "memory", "support", "hardware", "speed", "planner", "answers", "boot_logs", "cli")


def imports_of(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports_below(folder: str, packages: tuple[str, ...]) -> list[str]:
    """Each import of one of `packages` in the files of `folder`, as a line to read."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in sorted(imports_of(path))
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    ]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_stay_inside_the_boundary(folder: str) -> None:
    """No file of a part imports another part or a library that only another part declares."""
    assert imports_below(folder, FORBIDDEN[folder]) == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_planner_imports_in_dependency_order(room: str) -> None:
    """No room of the planner imports one that comes after it, so no two import each other."""
    later = ROOMS[ROOMS.index(room) + 1 :]
    packages = tuple(f"signalbox.capacity.{name}" for name in later)
    assert imports_below(f"src/signalbox/capacity/{room}", packages) == []


def test_every_part_has_files() -> None:
    """The checks above look at something, and every room of the planner is in the order."""
    folders = [*FORBIDDEN, *(f"src/signalbox/capacity/{room}" for room in ROOMS)]
    assert all(list((ROOT / folder).rglob("*.py")) for folder in folders)
    rooms = {path.parent.name for path in (ROOT / "src/signalbox/capacity").glob("*/__init__.py")}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize(
    "line", ["import pipelines.train", "from local import demo", "def f():\n    import tools"]
)
def test_an_import_upwards_is_seen(line: str, tmp_path: Path) -> None:
    """Imports inside functions count, and so do packages of the repository."""
    path = tmp_path / "module.py"
    path.write_text(line, encoding="utf-8")
    assert any(name.split(".")[0] in ABOVE for name in imports_of(path))
