# SPDX-License-Identifier: Apache-2.0
"""Rows of a share that are parsed before the write lock is taken, because parsing takes longest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from stemtide.hub.rooms.signals.rules.signals import SignalDraft, read_rows
from stemtide.protocol.messages.signals import RowError, SignalIn


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Parsed rows of a share. count: of all rows; errors: of the rows that are invalid."""

    count: int
    drafts: tuple[SignalDraft, ...]
    errors: tuple[RowError, ...]

    @classmethod
    def of(cls, drafts: Sequence[SignalDraft]) -> "ParsedRows":
        """Return a selection of drafts, with new row numbers."""
        rows = tuple(replace(draft, row=row) for row, draft in enumerate(drafts))
        return cls(len(rows), rows, ())


def read(bodies: Sequence[SignalIn | RowError], *, now: datetime) -> ParsedRows:
    """Parse rows, each by itself, to share them with writes.share_parsed.

    This takes most of the time and needs no lock: call it before opening the transaction.
    """
    errors: list[RowError] = []
    drafts = tuple(read_rows(bodies, errors=errors, now=now))
    return ParsedRows(len(bodies), drafts, tuple(errors))


def join_rows(parts: Sequence[ParsedRows]) -> ParsedRows:
    """Join several sets of rows in their order, with new row numbers."""
    drafts: list[SignalDraft] = []
    errors: list[RowError] = []
    count = 0
    for part in parts:
        drafts += [replace(draft, row=count + draft.row) for draft in part.drafts]
        errors += [error.model_copy(update={"row": count + error.row}) for error in part.errors]
        count += part.count
    return ParsedRows(count, tuple(drafts), tuple(errors))
