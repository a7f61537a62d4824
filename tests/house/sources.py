# SPDX-License-Identifier: Apache-2.0
"""What tests of the house read of a source file, which is parsed once for all of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house import naming

_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True)
class Source:
    """A source file.

    imports:   the modules that it imports names from, each with the names.
    functions: line, name and number of lines of each function, without its docstring.
    problems:  line and name of what is badly named (tests/house/naming.py).
    classes:   the names of public classes.
    """

    imports: list[tuple[str, list[str]]]
    functions: list[tuple[int, str, int]]
    problems: list[tuple[int, str]]
    classes: list[str]


@cache
def read(path: Path) -> Source:
    """Return what tests want to know of a file, and not its tree: trees take much memory."""
    imports, functions = [], []
    tree = ast.parse(path.read_text("utf-8"))
    for node in statements(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imports.append((node.module, [alias.name for alias in node.names]))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append((node.lineno, node.name, _count_lines(node)))
    return Source(imports, functions, naming.problems(tree), naming.classes(tree))


def _count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield each statement of a module, however deep, and none of its expressions.

    Imports and functions are statements. `ast.walk` visits ten times as many nodes.
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in _BODIES:
            waiting += getattr(node, name, ())
