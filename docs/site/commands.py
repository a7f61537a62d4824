# SPDX-License-Identifier: Apache-2.0
"""Write the help of every command, for the page docs/use/commands.md of the site."""

from collections.abc import Iterator
from typing import Any

import typer.main

from stemtide.cli.app import app

WIDTH = 80


def commands() -> Iterator[tuple[str, str]]:
    """Yield every command and group with its help, parents first."""
    root = typer.main.get_command(app)
    yield from _walk(root, name="stemtide", parent=None)


def _walk(command: Any, *, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    command.rich_markup_mode = None  # plain text, the same on every terminal
    settings = command.context_settings | {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    lines = command.get_help(context).replace("\\[", "[").splitlines()  # rich reads [a] as a style
    help_text = "\n".join(line.rstrip() for line in lines)
    yield context.command_path, help_text
    for verb, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, name=verb, parent=context)


def page() -> str:
    """Return the help of each command below a heading of its own."""
    return "\n".join(f"## `{path}`\n\n```text\n{text}\n```\n" for path, text in commands())
