# SPDX-License-Identifier: Apache-2.0
"""Names say what they name, docstrings begin with a verb, and folders stay small."""

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.house import sources
from tests.house.naming import classes, problems

SRC = Path(__file__).parents[2] / "src" / "stemtide"

MOST_MODULES = 16
GENERATED = {"client/calls"}  # a module for each tag of the API, generated from its schema


@cache
def modules():
    """Return the problems and public classes of every module, by its path below src/stemtide."""
    paths = [path for path in SRC.rglob("*.py") if "migrations" not in path.parts]
    files = {str(path.relative_to(SRC)): sources.read(path) for path in paths}
    return {path: (file.problems, file.classes) for path, file in files.items()}


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
