# SPDX-License-Identifier: Apache-2.0
"""The client's operations, made from the API's schema: python -m tests.house.client.

1 Every operation of docs/use/openapi.json becomes a function in stemtide/client/calls that makes
  the question: path and query by keyword, the body first, everything typed.
2 A schema is the class of stemtide.protocol with its name, and where two have it, its docstring.
3 operations.py and operations_async.py make a method of each function.
"""

import importlib
import inspect
import json
import keyword
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import EnumType
from functools import cache
from pathlib import Path
from typing import Any

import stemtide.interop
import stemtide.protocol
from stemtide.fingerprints import kinds

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs/use/openapi.json"
CLIENT = ROOT / "src/stemtide/client"
MAX_LINES = 400
WIDTH = 96
VIEWS = {"read_feed", "read_snapshot", "follow_events"}
"""Operations that follow the view of whoever asks: exercise signals too, or not."""

JSON, JSON_LINES, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
TOO_LONG = {JSON_LINES, "text/csv", "application/gzip"}
"""Media types of answers that may be too long to be held."""

SCALARS = {"string": "str", "integer": "int", "boolean": "bool"}
FORMATS = {"uuid": "UUID | str", "date": "date", "date-time": "datetime"}
MOST_WORDS = 40
"""Enumerations with more words than this, such as time zones, are plain text in the client."""

STANDARD = {"date": "datetime", "datetime": "datetime", "UUID": "uuid", "Literal": "typing"}

HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""{says}

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""
'''


@dataclass
class Written:
    """One operation as source. names: what its annotations and its body need, by module."""

    name: str
    kind: str
    text: str
    is_read: bool
    names: set[tuple[str, str]] = field(default_factory=set)


def classes() -> dict[str, list[type]]:
    """Return the messages and enums of the protocol and of other formats, by name."""
    found: dict[str, list[type]] = {"Kind": [kinds.Kind]}
    modules = [
        *pkgutil.walk_packages(stemtide.protocol.__path__, "stemtide.protocol."),
        *pkgutil.walk_packages(stemtide.interop.__path__, "stemtide.interop."),
    ]
    for one in modules:
        for name, made in vars(importlib.import_module(one.name)).items():
            if inspect.isclass(made) and made.__module__ == one.name:
                found.setdefault(name, []).append(made)
    return found


class Writer:
    """Writes one operation after another."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.schemas = schemas
        self.classes = classes()
        self.names: set[tuple[str, str]] = set()

    def named(self, name: str, schema: dict[str, Any]) -> str:
        """Return the class that a schema is, or its words if it is an enumeration without one."""
        if name not in self.classes and "enum" in schema:
            return self._words(schema)
        found = self.classes.get(name, [])
        if len(found) > 1:
            says = schema.get("description")
            found = [one for one in found if inspect.getdoc(one) == says]
        assert len(found) == 1, (
            f"{name}: the client knows no class of stemtide.protocol for this schema of the API: "
            "put the message there, under that name, then run python -m tests.house.client"
        )
        self.names.add((found[0].__module__, name))
        return name

    def type_of(self, schema: dict[str, Any]) -> str:
        """A schema as an annotation."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.named(name, self.schemas[name])
        for word in ("anyOf", "allOf"):
            if word in schema:
                return " | ".join(dict.fromkeys(self.type_of(one) for one in schema[word]))
        if "enum" in schema:
            return self._words(schema)
        if schema.get("type") == "array":
            return f"list[{self.type_of(schema['items'])}]"
        if schema.get("type") == "null":
            return "None"
        found = FORMATS.get(schema.get("format", ""), SCALARS.get(schema.get("type", ""), ""))
        assert found, f"teach tests/house/client.py what {schema} is in Python"
        for name in set(re.findall(r"\w+", found)) & set(STANDARD):
            self.names.add((STANDARD[name], name))
        return found

    def _words(self, schema: dict[str, Any]) -> str:
        """An enumeration: a class of ours, or the few words as they are."""
        for one in self.classes.get(schema.get("title", ""), []):
            if isinstance(one, EnumType) and [str(word) for word in one] == schema["enum"]:
                self.names.add((one.__module__, one.__name__))
                return one.__name__
        if len(schema["enum"]) > MOST_WORDS:
            return "str"
        self.names.add(("typing", "Literal"))
        return f"Literal[{', '.join(json.dumps(one) for one in schema['enum'])}]"

    def write(self, path: str, method: str, operation: dict[str, Any]) -> Written:
        """The function of one operation."""
        self.names = set()
        given = _parameters(operation)
        body, said, sent = self._body(operation)
        named = [*map(self._parameter, given), *said]
        signature = [*body, *(["*"] if named else []), *named]
        kind, answer, kinds_of = self._answers(operation)
        values = set(re.findall(r"\w+", kinds_of)) - {"File"}
        lines = [f"from {place} import {name}" for place, name in self.names if name in values]
        name = operation["operationId"]
        asked = [f"({kinds_of},)", f'"{method.upper()}"', _address(path), *_asked(given), *sent]
        if name in VIEWS:
            asked.append("is_view=True")
        text = "\n".join(
            [
                f"def {name}({', '.join(signature)}) -> {kind}[{answer}]:",
                textwrap.indent(_docstring(path, method, operation, given), "    "),
                *(f"    {line}" for line in [*sorted(lines), ""] if lines),
                f"    return {kind}({', '.join(asked)})",
            ]
        )
        return Written(name, kind, text, is_read=method == "get", names=set(self.names))

    def _body(self, operation: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
        """The body as a parameter, its media type where there is a choice, and how it is sent."""
        if "requestBody" not in operation:
            return [], [], []
        content = operation["requestBody"]["content"]
        if JSON not in content:
            (media_type,) = content
            return ["body: bytes"], [], ["body=body", f"media_type={json.dumps(media_type)}"]
        message = self.type_of(content[JSON]["schema"])
        if len(content) == 1:
            return [f"body: {message}"], [], ["body=body"]
        self.names.add(("typing", "Literal"))
        words = ", ".join(json.dumps(one) for one in sorted(content))
        said = f"media_type: Literal[{words}] = {json.dumps(JSON)}"
        return [f"body: {message} | bytes"], [said], ["body=body", "media_type=media_type"]

    def _parameter(self, one: dict[str, Any]) -> str:
        """A parameter of path or query: what may be left out is None, so that the hub decides."""
        found = self.type_of(one["schema"])
        if one.get("required"):
            return f"{_python(one['name'])}: {found}"
        is_said = "None" in found.split(" | ")
        return f"{_python(one['name'])}: {found}{'' if is_said else ' | None'} = None"

    def _answers(self, operation: dict[str, Any]) -> tuple[str, str, str]:
        """What makes the question, what it is answered with, and the same as values."""
        if "204" in operation["responses"]:
            return "Call", "None", "type(None)"
        good = [one for code, one in operation["responses"].items() if code.startswith("2")]
        content = {name: one for each in good for name, one in each.get("content", {}).items()}
        assert content, f"{operation['operationId']}: its schema says not what it answers"
        if "anyOf" in content.get(JSON_LINES, {}).get("schema", {}):
            found = self.type_of(content[JSON_LINES]["schema"])
            return "Lines", found, found.replace(" | ", ", ")
        if TOO_LONG & set(content):
            return "Parts", "bytes", "bytes"
        if EVENTS in content:
            found = self.type_of(content[EVENTS]["schema"])
            return "Events", found, found
        found = " | ".join(dict.fromkeys(self._messages(good)))
        if set(content) - {JSON}:
            self.names.add(("stemtide.client.call", "File"))
            found = f"{found} | File".removeprefix(" | ")
        return "Call", found, found.replace(" | ", ", ")

    def _messages(self, good: list[dict[str, Any]]) -> Iterator[str]:
        """What the JSON of good answers is."""
        for one in good:
            if JSON in one.get("content", {}):
                yield self.type_of(one["content"][JSON]["schema"])


def _parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of an operation, those that must be given first."""
    return sorted(operation.get("parameters", []), key=lambda one: not one.get("required"))


def _python(name: str) -> str:
    """A parameter's name in Python."""
    found = name.lower().replace("-", "_")
    return f"{found}_" if keyword.iskeyword(found) else found


def _address(path: str) -> str:
    """The address as an expression."""
    if "{" not in path:
        return json.dumps(path)
    return "f" + json.dumps(re.sub(r"\{([^}]+)\}", r"{part(\1)}", path))


def _asked(given: list[dict[str, Any]]) -> Iterator[str]:
    """Query and headers as arguments."""
    for where, what in (("query", "query"), ("header", "headers")):
        pairs = [
            f"{json.dumps(one['name'])}: {_python(one['name'])}"
            for one in given
            if one["in"] == where
        ]
        if pairs:
            yield f"{what}={{{', '.join(pairs)}}}"


def _docstring(
    path: str, method: str, operation: dict[str, Any], given: list[dict[str, Any]]
) -> str:
    """What an operation is for, its parameters, what can go wrong, and where it stands."""
    first, _, key = operation["description"].rpartition("\n\n")
    lines = [
        wrapped for line in first.split("\n") for wrapped in textwrap.wrap(line, WIDTH) or [""]
    ]
    told = [f"{_python(one['name'])}: {said}" for one in given if (said := _said_of(one))]
    last = f"{key} raises: HubError. source: {method.upper()} {path}"
    lines += ["", *(wrapped for one in told for wrapped in textwrap.wrap(one, WIDTH)), ""]
    lines += textwrap.wrap(last, WIDTH, break_on_hyphens=False)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
    return f'"""{text}\n"""'


def _said_of(one: dict[str, Any]) -> str:
    """What the schema says of a parameter, and what holds where it is left out."""
    default = one["schema"].get("default")
    parts = [one.get("description", ""), f"If left out: {json.dumps(default)}." if default else ""]
    return " ".join(filter(None, parts))


def operations() -> dict[str, list[Written]]:
    """Every operation as source, by the file that it belongs in."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    writer = Writer(schema["components"]["schemas"])
    found: dict[str, list[Written]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            found.setdefault(tag, []).append(writer.write(path, method, operation))
    return dict(_split(found))


def _split(found: dict[str, list[Written]]) -> Iterator[tuple[str, list[Written]]]:
    """The same, with what is too long for a file in two: reads and writes."""
    for tag, every in sorted(found.items()):
        if _file(tag, every).count("\n") <= MAX_LINES:
            yield tag, every
            continue
        for name, is_read in ((f"{tag}_reads", True), (f"{tag}_writes", False)):
            chosen = [one for one in every if one.is_read is is_read]
            assert _file(name, chosen).count("\n") <= MAX_LINES, f"{name}: split it once more"
            yield name, chosen


def _file(name: str, every: list[Written]) -> str:
    """A file of calls."""
    says = f"Questions to a hub: {name.replace('_', ', ')}."
    needed = set().union(*(one.names for one in every))
    standard = sorted(one for one in needed if one[0] in set(STANDARD.values()))
    ours = sorted(one for one in needed if one[0].startswith("stemtide."))
    own = [one for one in ours if one[0].startswith("stemtide.client")]
    calls = {one.kind for one in every} | {name for _, name in own}
    if any("part(" in one.text for one in every):
        calls.add("part")
    typed = sorted(set(ours) - set(own))
    lines = [
        HEAD.format(says=says),
        "from __future__ import annotations\n",
        *(
            ["from typing import TYPE_CHECKING, Literal\n"]
            if ("typing", "Literal") in needed
            else []
        ),
        *(["from typing import TYPE_CHECKING\n"] if ("typing", "Literal") not in needed else []),
        f"from stemtide.client.call import {', '.join(sorted(calls, key=_isort))}\n",
        "if TYPE_CHECKING:",
        *(f"    from {module} import {one}" for module, one in standard if module != "typing"),
        *(f"    from {module} import {one}" for module, one in typed),
        "",
        *(f"\n{one.text}\n" for one in sorted(every, key=lambda one: one.name)),
    ]
    return _formatted("\n".join(lines))


def _isort(name: str) -> tuple[bool, str]:
    """Classes before functions, as the linter sorts them."""
    return (name.islower(), name)


def _methods(found: dict[str, list[Written]], *, later: str) -> str:
    """The file that makes methods of all calls. later: "async_" where they are awaited."""
    makers = {
        "Call": f"{later}response_method",
        "Events": f"{later}events_method",
        "Lines": f"{later}lines_method",
        "Parts": f"{later}parts_method",
    }
    says = f"Every operation of the API as a method{', to be awaited' if later else ''}."
    lines = [
        HEAD.format(says=says),
        f"from stemtide.client.methods import {', '.join(sorted(makers.values()))}",
        f"from stemtide.client.calls import {', '.join(sorted(found))}",
        "\n\nclass Operations:",
        '    """A method for each operation; docs/use/python.md says how they are used."""\n',
        *(
            f"    {one.name} = {makers[one.kind]}({file}.{one.name})"
            for file, every in found.items()
            for one in sorted(every, key=lambda one: one.name)
        ),
    ]
    return _formatted("\n".join(lines))


def _formatted(text: str) -> str:
    """The same as the formatter leaves it, imports sorted."""
    for verb in (["check", "--select", "I,F401", "--fix-only"], ["format"]):
        command = [sys.executable, "-m", "ruff", *verb, "--quiet", "--stdin-filename"]
        where = str(CLIENT / "calls/made.py")
        done = subprocess.run(
            [*command, where, "-"], input=text, capture_output=True, text=True, cwd=ROOT, check=True
        )
        text = done.stdout
    return text


@cache
def files() -> dict[Path, str]:
    """Everything that is made, by where it belongs."""
    found = operations()
    made = {CLIENT / f"calls/{name}.py": _file(name, every) for name, every in found.items()}
    made[CLIENT / "operations.py"] = _methods(found, later="")
    made[CLIENT / "operations_async.py"] = _methods(found, later="async_")
    return made


if __name__ == "__main__":
    wanted = files()
    for old in set((CLIENT / "calls").glob("[a-z]*.py")) - set(wanted):
        old.unlink()
    for where, text in wanted.items():
        where.write_text(text, "utf-8")
    print(f"{sum(map(len, operations().values()))} operations in {len(wanted)} files")
