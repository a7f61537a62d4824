# SPDX-License-Identifier: Apache-2.0
"""Names say what they name, docstrings begin with a verb, and folders stay small."""

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "stemtide"

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

MOST_MODULES = 16
GENERATED = {"client/calls"}  # a module for each tag of the API, generated from its schema


@cache
def modules():
    """Return the problems and public classes of every module, by its path below src/stemtide.

    Not the trees: as long as they live, the garbage collector visits each of their nodes.
    """
    paths = (path for path in SRC.rglob("*.py") if "migrations" not in path.parts)
    trees = ((path, ast.parse(path.read_text("utf-8"))) for path in paths)
    return {str(path.relative_to(SRC)): (problems(tree), classes(tree)) for path, tree in trees}


def classes(tree):
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


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


def crowded(paths):
    """Return the folders with too many modules, and the prefixes that three modules share."""
    folders = defaultdict(list)
    for path in paths:
        folder, _, file = path.rpartition("/")
        if file != "__init__.py" and folder not in GENERATED:
            folders[folder].append(file.removesuffix(".py"))
    large = [folder for folder, names in folders.items() if len(names) > MOST_MODULES]
    prefixes = {
        folder: Counter(name.partition("_")[0] for name in names)
        for folder, names in folders.items()
    }
    shared = [
        f"{folder}/{prefix}_"
        for folder, counts in prefixes.items()
        for prefix, count in counts.items()
        if prefix and count >= 3
    ]
    return sorted(large + shared)


def often_defined(names_by_path):
    """Return the public classes that more than two modules define. Tables are left out.

    The name of a table's class is stored in migrations, and its room says which one it is.
    """
    homes = defaultdict(list)
    for path, names in names_by_path.items():
        for name in () if path.endswith("/models.py") else names:
            homes[name].append(path)
    return {name: paths for name, paths in homes.items() if len(paths) > 2}


def test_names_say_what_they_name_and_docstrings_begin_with_a_verb():
    found = [
        f"{path}:{line} {name}" for path, (lines, _) in modules().items() for line, name in lines
    ]
    assert found == []


def test_folders_stay_small_and_a_shared_prefix_is_a_package():
    assert crowded(modules()) == []


def test_a_class_name_belongs_to_one_module_or_two():
    assert often_defined({path: names for path, (_, names) in modules().items()}) == {}


@pytest.mark.parametrize(
    "code",
    [
        "def told(): ...",
        "def show(asked): ...",
        "def show(*, what=1): ...",
        "def show():\n    found = 1",
        "[one for one in signals]",
        "for _said in rows: ...",
        "with open() as made: ...",
    ],
)
def test_an_empty_name_is_noticed(code):
    assert problems(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["class Row:\n    found: int = 0", "def show(row): ...", "row.found = 1"]
)
def test_fields_and_other_names_are_allowed(code):
    assert not problems(ast.parse(code))


@pytest.mark.parametrize("text", ["The signals.", "One crisis.", "Who may warn.", "What: a row."])
def test_a_docstring_without_a_verb_is_noticed(text):
    assert problems(ast.parse(f'def show():\n    """{text}"""'))


@pytest.mark.parametrize("text", ["Return the signals.", "Whether a party may see it."])
def test_a_docstring_with_a_verb_is_allowed(text):
    assert not problems(ast.parse(f'def show():\n    """{text}"""'))


def test_a_crowded_folder_and_a_shared_prefix_are_noticed():
    assert crowded([f"hub/room{number}.py" for number in range(16)]) == []
    assert crowded([f"hub/room{number}.py" for number in range(17)]) == ["hub"]
    assert crowded(["hub/read_a.py", "hub/read_b.py", "hub/read.py"]) == ["hub/read_"]
    assert crowded(["hub/read_a.py", "hub/read_b.py", "api/read_c.py"]) == []


def test_a_class_in_three_modules_is_noticed():
    tree = ast.parse("class Line: ...\nclass _Row: ...")
    assert classes(tree) == ["Line"]
    assert often_defined(dict.fromkeys(["a.py", "b.py", "hub/models.py"], ("Line",))) == {}
    assert set(often_defined(dict.fromkeys(["a.py", "b.py", "c.py"], ("Line",)))) == {"Line"}
