# SPDX-License-Identifier: Apache-2.0
"""Names that do not say what they name, and docstrings that do not begin with a verb."""

import ast

NO_NAMES = {
    *("asked", "each", "found", "given", "held", "how", "kept", "known", "made"),
    *("one", "ones", "said", "seen", "some", "stands", "taken", "them", "those"),
    *("told", "wanted", "what", "whoever", "whom"),
}
"""Words that do not say what a value is: write `signal`, `row`, `query` or `findings` instead."""

NO_VERBS = {
    *("a", "all", "an", "another", "both", "each", "every", "everybody", "everyone"),
    *("everything", "for", "from", "how", "its", "no", "nobody", "nothing", "of"),
    *("one", "only", "other", "several", "some", "somebody", "something", "that", "the"),
    *("these", "this", "those", "until", "what", "whatever", "when", "where", "which"),
    *("who", "whoever", "whom", "whose", "why"),
}
"""Words with which the docstring of a function does not begin; it begins with a verb."""


def problems(tree):
    """Return the lines with a name or a docstring that breaks the rules.

    Fields of classes may have any name: they are columns of tables and fields of messages.
    """
    lines, fields = [], set()
    for node in ast.walk(tree):  # a class comes before its fields
        match node:
            case ast.ClassDef():
                fields |= {id(target) for line in node.body for target in targets(line)}
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                lines += [(node.lineno, node.name)] if is_empty(node.name) else []
                lines += (
                    [(node.lineno, "docstring")] if is_verbless(ast.get_docstring(node)) else []
                )
            case ast.arg() if is_empty(node.arg):
                lines.append((node.lineno, node.arg))
            case ast.Name(ctx=ast.Store()) if is_empty(node.id) and id(node) not in fields:
                lines.append((node.lineno, node.id))
    return lines


def targets(line):
    if isinstance(line, ast.Assign):
        return line.targets
    return [line.target] if isinstance(line, ast.AnnAssign) else []


def is_empty(name):
    return name.strip("_") in NO_NAMES


def is_verbless(docstring):
    return bool(docstring) and docstring.split()[0].strip(".,:;").lower() in NO_VERBS
