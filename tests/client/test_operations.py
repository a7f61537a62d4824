# SPDX-License-Identifier: Apache-2.0
"""Every operation of the API is a method of the client, made from the schema."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
import typing
from functools import cache
from pathlib import Path

import pytest

from stemtide.client import AsyncHub, Hub
from stemtide.client.call import ApiRequest, File

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/use/openapi.json").read_text("utf-8"))
OPERATIONS = {
    one["operationId"]: (method.upper(), path, one)
    for path, methods in SCHEMA["paths"].items()
    for method, one in methods.items()
}
PARTS = {"uid": "11111111-2222-4333-8444-555555555555", "name": "a/b c", "test": "x"}


def call_of(name):
    """The question that an operation's method makes, with something for each path and query."""

    class Seen(Hub):
        def ask(self, call):
            return call

        lines = events = parts = ask

    seen = Seen("http://127.0.0.1:1", key="st_x")
    method = getattr(seen, name)
    given = [
        one.name
        for one in inspect.signature(method).parameters.values()
        if one.default is one.empty and one.kind is one.KEYWORD_ONLY
    ]
    takes = {
        one["name"] for one in OPERATIONS[name][2].get("parameters", []) if one["in"] == "path"
    }
    values = {one: PARTS.get(one, one) if one in takes else "2026" for one in given}
    has_body = "requestBody" in OPERATIONS[name][2]
    return method(*([b"{}"] if has_body else []), **values)


def test_every_operation_of_the_schema_is_a_method_that_asks_it():
    for name, (method, path, operation) in OPERATIONS.items():
        call = call_of(name)
        assert isinstance(call, ApiRequest), name
        assert call.method == method, name
        assert call.path == _filled(path, operation), name
        said = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
        assert set(call.query) == said, name
        assert (call.body is None) == ("requestBody" not in operation), name


def _filled(path, operation):
    """A path of the schema with a value for each of its parts."""
    for part in [one for one in operation.get("parameters", []) if one["in"] == "path"]:
        value = PARTS.get(part["name"], part["name"]).replace("/", "%2F").replace(" ", "%20")
        path = path.replace(f"{{{part['name']}}}", value)
    return path


def test_an_answer_is_read_as_what_the_method_says_that_it_gives():
    for name in OPERATIONS:
        made = getattr(Hub, name)._make
        module = sys.modules[made.__module__]
        names = vars(module) | {one: _found(module, one) for one in _late_names(module)}
        said = typing.get_type_hints(made, names)["return"]
        (answer,) = typing.get_args(said)
        kinds = set(typing.get_args(answer)) if typing.get_origin(answer) is not list else {answer}
        call = call_of(name)
        assert set(call.answers) == (kinds or {answer}), name
        assert isinstance(call, typing.get_origin(said)), name


@cache
def _late_names(module):
    """What a file of calls imports for its annotations alone."""
    tree = ast.parse(inspect.getsource(module))
    later = next(one for one in tree.body if isinstance(one, ast.If))
    return {name.name: one.module for one in later.body for name in one.names}


def _found(module, name):
    return getattr(importlib.import_module(_late_names(module)[name]), name)


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    for name in OPERATIONS:
        assert getattr(Hub, name)._make is getattr(AsyncHub, name)._make
        assert getattr(Hub, name).__doc__.count("source: ") == 1


USES = """
import asyncio
from uuid import UUID

from stemtide.client import AsyncHub, DeclinedError, File, Hub
from stemtide.protocol.messages.reports import TimelineExport
from stemtide.protocol.messages.signals import SharedSignal, SignalIn


def share(hub: Hub, signal: SignalIn) -> SharedSignal:
    try:
        return hub.share_signal(signal)
    except DeclinedError as error:
        print(error.problem.errors if error.problem else error)
        raise


async def names(hub: AsyncHub) -> list[str]:
    return [one.name for one in await hub.list_crises()]


def export(hub: Hub, uid: UUID) -> TimelineExport | File:
    return hub.export_timeline(uid=uid, form="pdf")


def follow(hub: Hub) -> int:
    return sum(wake.position for wake in hub.follow_events(last_event_id=3))
"""
MISUSES = [
    "hub.share_signal({})",
    "hub.read_signal(1)",
    "hub.read_signal(uid=1)",
    "hub.read_signal(uid='x').nothing",
    "hub.export_timeline(uid='x', form='csv')",
    "hub.no_such_operation()",
]


@pytest.mark.nightly
def test_a_program_is_checked_by_mypy_as_strictly_as_it_likes(tmp_path):
    lines = "\n".join(f"    {misuse}" for misuse in MISUSES)
    (tmp_path / "good.py").write_text(USES, "utf-8")
    (tmp_path / "bad.py").write_text(f"{USES}\n\ndef misuse(hub: Hub) -> None:\n{lines}\n", "utf-8")
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\nplugins = pydantic.mypy\n", "utf-8")
    command = [sys.executable, "-m", "mypy", "good.py", "bad.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [line.split(":") for line in done.stdout.splitlines() if ".py:" in line]
    assert {file for file, *_ in found} == {"bad.py"}, done.stdout + done.stderr
    first = USES.count("\n") + 4
    assert {int(number) for _, number, *_ in found} == set(range(first, first + len(MISUSES)))


def test_a_file_is_what_has_no_message():
    assert call_of("print_report").answers == (File,)
