"""Names of variables and arguments: the share of functions that use a past participle for one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class FunctionNames:
    """A function and the names that it gives to arguments and variables."""

    path: Path
    line: int
    name: str
    names: frozenset[str]


def functions_of(path: Path) -> Iterator[FunctionNames]:
    """Every function of a Python file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield FunctionNames(path, node.lineno, node.name, frozenset(_names_of(node)))


def _names_of(function: Function) -> Iterator[str]:
    arguments = function.args
    yield from (one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def with_participle(functions: list[FunctionNames], participles: frozenset[str]) -> list[FunctionNames]:
    """Those that use one of the words as a name."""
    return [function for function in functions if function.names & participles]
