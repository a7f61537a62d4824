# SPDX-License-Identifier: Apache-2.0
"""Rows to share that were read before the turn to write: reading them takes longest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from stemtide.hub.signals.rules import Draft, read_rows
from stemtide.protocol.signals import RowError, SignalIn


@dataclass(frozen=True, slots=True)
class Ready:
    """Rows that were read, and wait for their turn. count: of all; errors: of those not taken."""

    count: int
    drafts: tuple[Draft, ...]
    errors: tuple[RowError, ...]

    @classmethod
    def of(cls, drafts: Sequence[Draft]) -> "Ready":
        """Some of the rows that were read, numbered anew."""
        rows = tuple(replace(one, row=row) for row, one in enumerate(drafts))
        return cls(len(rows), rows, ())


def read(bodies: Sequence[SignalIn | RowError], *, now: datetime) -> Ready:
    """Read rows, each by itself, to share them with writes.share_ready.

    It takes the time, and needs no turn: who opens a transaction reads before it.
    """
    errors: list[RowError] = []
    drafts = tuple(read_rows(bodies, errors=errors, now=now))
    return Ready(len(bodies), drafts, tuple(errors))


def together(some: Sequence[Ready]) -> Ready:
    """Several as one, in their order; rows are numbered anew."""
    drafts: list[Draft] = []
    errors: list[RowError] = []
    count = 0
    for one in some:
        drafts += [replace(draft, row=count + draft.row) for draft in one.drafts]
        errors += [error.model_copy(update={"row": count + error.row}) for error in one.errors]
        count += one.count
    return Ready(count, tuple(drafts), tuple(errors))
