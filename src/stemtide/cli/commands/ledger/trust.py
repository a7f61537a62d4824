# SPDX-License-Identifier: Apache-2.0
"""Keys that verify a log, and the end of a check: for all commands that check what a hub shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import print_note

if TYPE_CHECKING:
    from stemtide.protocol.tlog.audit import Read
    from stemtide.protocol.tlog.notes import NoteKey

MOST_SHOWN = 50
"""Faults that are printed, unless as JSON."""

Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        help="A key of the log, as `stemtide ledger keys` prints it. Can be repeated.",
        show_default=False,
    ),
]


def trusted_keys(read: "Read", trust: Sequence[str]) -> "list[NoteKey]":
    """Return the keys to verify heads with: those given, or those that the log names itself."""
    from stemtide.cli.commands.ledger import logs
    from stemtide.protocol.tlog.notes import NoteKey

    if trust:
        return [NoteKey.read(text) for text in trust]
    own = logs.read_keys(read)
    print_note(f"The log named this key itself: {own[0]}")
    print_note("Compare it with the operator's by telephone, or give the right one with --trust.")
    return own


def count_faults(number: int) -> str:
    """Return the beginning of a sentence about what does not hold."""
    return "1 thing does not hold" if number == 1 else f"{number} things do not hold"
