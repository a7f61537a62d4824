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

    imports:  the modules that it imports names from, each with the names.
    problems: line and name of what is badly named (tests/house/naming.py).
    """

    imports: list[tuple[str, list[str]]]
    problems: list[tuple[int, str]]


@cache
def read(path: Path) -> Source:
    """Return what tests want to know of a file, and not its tree: trees take much memory."""
    tree = ast.parse(path.read_text("utf-8"))
    imports = [
        (node.module, [alias.name for alias in node.names])
        for node in statements(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    return Source(imports, naming.problems(tree))


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
