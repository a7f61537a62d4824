# SPDX-License-Identifier: Apache-2.0
"""The page of all commands, made from the program itself: python -m tests.house.commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from stemtide.cli.app import app

PAGE = Path(__file__).parents[2] / "docs/use/commands.md"
WIDTH = 80

BEFORE = """\
# Commands

`stemtide noun verb`. Results go to stdout (`--json`: one object a line), talk goes to stderr.
Exit code 0: done. 1: not done. 2: misused.

`party`, `person`, `key`, `exchange`, `delivery`, `drill` and, without an address, `ledger` work on
the hub's own machine, on its database, without a key.
Everything else goes over HTTP, and needs a key in `STEMTIDE_KEY` or in a file named by
`STEMTIDE_KEY_FILE`. The hub's address may stand in `STEMTIDE_HUB_URL`. The settings of the hub are
in [docs/run/hub.md](../run/hub.md), those of an agent in [docs/run/agent.md](../run/agent.md).

This page is made by `python -m tests.house.commands`; a test holds it equal to the program.
"""


def commands() -> Iterator[tuple[str, str]]:
    """Every command and group with its help, parents first."""
    root = typer.main.get_command(app)
    yield from _walk(root, name="stemtide", parent=None)


def _walk(command: Any, *, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    command.rich_markup_mode = None  # plain text, the same on every terminal
    settings = command.context_settings | {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    lines = command.get_help(context).replace("\\[", "[").splitlines()  # rich reads [a] as a style
    help_text = "\n".join(line.rstrip() for line in lines)
    yield context.command_path, help_text
    for verb, one in getattr(command, "commands", {}).items():
        yield from _walk(one, name=verb, parent=context)


def page() -> str:
    """The whole page."""
    parts = [f"## `{path}`\n\n```text\n{text}\n```\n" for path, text in commands()]
    return "\n".join([BEFORE, *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.name} says what {len(list(commands()))} commands say of themselves")
