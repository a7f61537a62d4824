# SPDX-License-Identifier: Apache-2.0
import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import stemtide.cli
from stemtide import __version__
from tests.cli.conftest import BARE, run_process

COMMANDS = Path(__file__).parents[2] / "docs/site/commands.py"
NOUNS = {
    "hub": {"start"},
    "agent": {"start"},
    "crisis": {
        *("warn", "list", "show", "triage", "answer", "measure", "propose", "confirm", "refuse"),
        *("withdraw", "deescalate", "resume", "review", "close", "clocks", "link", "unlink"),
        *("neighbour", "invite", "uninvite", "join", "decline", "leave", "participants"),
    },
    "signal": {"share", "show", "withdraw"},
    "feed": {"follow"},
    "party": {"add", "list", "contact", "contacts"},
    "person": {
        *("add", "invite", "list", "role", "deactivate", "reactivate", "sign-out"),
        *("factors", "erase"),
    },
    "exercise": {
        *("list", "check", "run", "compare", "spread", "report", "export", "import", "action"),
        *("note", "play", "learn"),
    },
    "key": {"new", "list", "revoke"},
}


def test_help_names_every_noun_and_verb(stemtide):
    told = stemtide("--help")
    assert told.code == 0
    for noun in [*NOUNS, "hash", "match", "demo"]:
        assert f" {noun} " in told.out


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_alone_shows_its_verbs(stemtide, noun):
    told = stemtide(noun, "--help")
    assert told.code == 0
    for verb in NOUNS[noun]:
        assert f" {verb} " in told.out


def test_no_line_of_a_list_of_commands_is_cut_off():
    lines = [
        line
        for _, help_text in runpy.run_path(str(COMMANDS))["commands"]()
        for line in help_text.splitlines()
    ]
    assert [line for line in lines if re.match(r"  [a-z-]+ +[A-Z].*\.\.\.$", line)] == []


def test_the_version_is_said(stemtide):
    assert stemtide("--version").out == f"stemtide {__version__}\n"


@pytest.mark.parametrize("words", [["hsah"], ["signal", "shred"], ["hash", "--nope"], ["hash"]])
def test_a_misused_command_ends_with_2(stemtide, words):
    told = stemtide(*words)
    assert told.code == 2
    assert told.out == "" or "Usage" in told.out


@pytest.mark.parametrize(
    ("words", "consequence"),
    [
        (["crisis", "close", "{1}", "--reason", "over"], "this closes {1} for good"),
        (["order", "infringe", "7", "why"], "this ends the effect of order 7"),
        (["signal", "withdraw", "7", "--reason", "mistake"], "this withdraws 7 at every agent"),
        (["report", "publish", "7", "--audience", "room"], "this publishes 7 to room for good"),
    ],
)
def test_a_declared_command_that_destroys_names_the_consequence(stemtide, words, consequence):
    result = stemtide(*words)
    assert result.code == 2
    assert result.err == f"stemtide: {consequence}; add --yes to confirm\n"


def test_help_loads_nothing_heavy():
    heavy = ["django", "numpy", "PIL", "pydantic_core", "httpx", "starlette", "uvicorn"]
    program = f"""
import sys
from typer.testing import CliRunner
from stemtide.cli.app import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
print([name for name in {heavy} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def imported_late():
    """Every module of ours that a command imports, at its top or once it is run."""
    folder = Path(stemtide.cli.__file__).parent
    for file in sorted(folder.rglob("[a-z]*.py")):
        name = ".".join(file.relative_to(folder).with_suffix("").parts)
        yield f"stemtide.cli.{name}"
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("stemtide."):
                yield node.module


@pytest.mark.nightly
def test_a_plain_install_imports_every_command_and_helps_with_each(tmp_path):
    program = f"""{BARE}
import importlib
import runpy
import django

commands = runpy.run_path({str(COMMANDS)!r})["commands"]
assert all(help_text for _, help_text in commands())
django.setup()
for name in {sorted(set(imported_late()))}:
    importlib.import_module(name)
print("all of them")
"""
    settings = {"DJANGO_SETTINGS_MODULE": "stemtide.hub.settings", "STEMTIDE_DATA_DIR": tmp_path}
    told = run_process(program=(sys.executable, "-c", program), **settings)
    assert (told.out, told.err) == ("all of them\n", "")


@pytest.mark.nightly
def test_the_demo_says_what_it_does_before_anything_else(stemtide, tmp_path):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "hub.sqlite3").touch()
    said = stemtide("demo", "--once", "--folder", tmp_path)
    assert said.code == 1
    assert said.err.splitlines()[0] == "[  0.00 s] Loading the programs of the demo"
