# SPDX-License-Identifier: Apache-2.0
"""Draw the reference of the hub's API from docs/use/openapi.json, as Markdown."""

import json
from collections import defaultdict
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "use/openapi.json"


def page() -> str:
    """Return the page: each operation by its subject, then each message with its fields."""
    document = json.loads(DOCUMENT.read_text("utf-8"))
    by_tag = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag[operation["tags"][0]].append(_operation(method.upper(), path, operation))
    lines = ["# Reference of the API", "", document["info"]["description"], ""]
    lines += [
        "[The API](api.md) says how to begin. All requests need a key, in `Authorization: Bearer KEY`.",
        "",
    ]
    for tag in sorted(by_tag):
        lines += [f"## {tag.capitalize()}", "", *by_tag[tag]]
    lines += ["## Messages", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += [_message(name, schema)]
    return "\n".join(lines)


def _operation(method: str, path: str, operation: dict) -> str:
    parts = [f"### `{method} {path}`", "", _plain(operation.get("description", "")), ""]
    rows = [_parameter(each) for each in operation.get("parameters", [])]
    if rows:
        parts += ["| parameter | in | type | |", "|---|---|---|---|", *rows, ""]
    body = operation.get("requestBody", {}).get("content", {})
    parts += [
        f"Body ({kind}): {_type(each['schema'])}\n"
        for kind, each in body.items()
        if "schema" in each
    ]
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            kinds = [
                _type(each["schema"])
                for each in answer.get("content", {}).values()
                if "schema" in each
            ]
            parts += [f"Answers {status}{': ' + ', '.join(kinds) if kinds else ''}\n"]
    return "\n".join(parts)


def _parameter(each: dict) -> str:
    needed = "required" if each.get("required") else ""
    described = _plain(each.get("description") or each["schema"].get("description", ""))
    words = "; ".join(word for word in (needed, described) if word)
    return f"| `{each['name']}` | {each['in']} | {_type(each['schema'])} | {words} |"


def _message(name: str, schema: dict) -> str:
    parts = [f"### {name}", "", _plain(schema.get("description", "")), ""]
    if "enum" in schema:
        parts += [f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.", ""]
    required = set(schema.get("required", []))
    rows = []
    for field, each in schema.get("properties", {}).items():
        described = _plain(each.get("description", ""))
        words = "; ".join(
            word for word in ("required" if field in required else "", described) if word
        )
        rows.append(f"| `{field}` | {_type(each)} | {words} |")
    if rows:
        parts += ["| field | type | |", "|---|---|---|", *rows, ""]
    return "\n".join(parts)


def _type(schema: dict) -> str:
    """Return a schema in a few words; messages are links."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(_type(each) for each in schema[word])
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return schema.get("format") or schema.get("type") or "anything"


def _plain(text: str) -> str:
    """Return a text that stands in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
