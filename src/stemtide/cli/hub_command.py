# SPDX-License-Identifier: Apache-2.0
"""Declare commands that send one request to the hub and print the rows of its response.

    @hub_command(hold, "lift", line=hold_line)
    def lift(hold_id: HoldId) -> Request:
        \"\"\"End a hold early.\"\"\"
        return lambda client: client.lift_hold(uid=hold_id)

The command gets the options --hub, --key and --json. A command that does more is a plain function
of typer: see hub_client.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import AsJson, fail, print_note, print_result

if TYPE_CHECKING:
    from pydantic import BaseModel

    from stemtide.client import Hub as Client

Request = Callable[["Client"], "BaseModel | Iterable[BaseModel]"]
"""What a declared command returns: a function that sends its request with an open client."""

Yes = Annotated[bool, typer.Option("--yes", help="Confirm the action.")]


def hub_command(
    noun: typer.Typer,
    name: str,
    *,
    line: Callable[[dict[str, Any]], str],
    empty: str = "",
    note: str = "",
    confirm: str = "",
) -> Callable[[Callable[..., Request]], Callable[..., Request]]:
    """Add a command to a noun; its function returns the request.

    line:    text of a row, for people.
    empty:   message if the response has no rows.
    note:    message after the rows, with fields of the last row, such as "Valid until {until}."
    confirm: what the command does if --yes is given, with the command's arguments in braces.
    """

    def register(declared: Callable[..., Request]) -> Callable[..., Request]:
        def run(*, hub: str, key: str, as_json: bool, yes: bool = True, **arguments: Any) -> None:  # noqa: ANN401  # whatever the command takes
            if not yes:
                fail(f"{confirm.format_map(arguments)}; add --yes to confirm", code=2)
            request = declared(**arguments)
            row = None
            with open_client(hub, key) as client:
                for row in _rows(request(client)):
                    print_result(row, as_json=as_json, line="" if as_json else line(row))
            if row is None and empty:
                print_note(empty)
            if row is not None and note:
                print_note(note.format_map(row))

        run.__doc__ = declared.__doc__
        run.__signature__ = _signature(declared, has_yes=bool(confirm))  # type: ignore[attr-defined]  # typer reads it
        noun.command(name)(run)
        return declared

    return register


def read_pages(
    read: "Callable[..., BaseModel]", rows: str, *, after: int = 0, **query: object
) -> "Iterator[BaseModel]":
    """Yield the rows of all pages. rows: the field of a page that holds them."""
    while True:
        page: Any = read(after=after, **query)
        yield from getattr(page, rows)
        if not page.more:
            return
        after = page.next


def _rows(answer: "BaseModel | Iterable[BaseModel]") -> Iterator[dict[str, Any]]:
    """Yield the rows of a response as JSON."""
    from pydantic import BaseModel

    for model in (answer,) if isinstance(answer, BaseModel) else answer:
        yield to_json(model)


def _signature(declared: Callable[..., Request], *, has_yes: bool) -> inspect.Signature:
    """Return the parameters of a declared command, and the options that all of them have."""
    shared: dict[str, tuple[object, object]] = {
        **({"yes": (Yes, False)} if has_yes else {}),
        "hub": (Hub, DEFAULT_HUB),
        "key": (Key, ""),
        "as_json": (AsJson, False),
    }
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=option, default=default)
        for name, (option, default) in shared.items()
    ]
    return inspect.Signature([*inspect.signature(declared).parameters.values(), *options])
