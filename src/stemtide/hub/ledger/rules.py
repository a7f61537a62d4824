# SPDX-License-Identifier: Apache-2.0
"""Who may read what of the ledger. Numbers, kinds and times are open to all; names may not be."""

from typing import Protocol
from uuid import UUID

from stemtide.protocol.words import PartyKind

_COORDINATING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.CONSORTIUM})

OPEN_TO: dict[str, frozenset[PartyKind]] = {
    "party": frozenset(PartyKind),
    "crisis": _COORDINATING,
    "check": _COORDINATING,
    "measure": _COORDINATING,
    "proposal": _COORDINATING,
    "review": _COORDINATING,
    "participant": _COORDINATING,
    "neighbour": _COORDINATING,
    "agent": _COORDINATING,
}
"""Which kinds of party read entries about one kind of thing; other things: their actor only.

Signals are missing on purpose: an entry cannot know whom a signal's handling mark lets in. Nor can
it know who was asked into a crisis: those read its timeline, where a room above opens the names.
"""


class NoTransactionError(RuntimeError):
    """The ledger was written outside a transaction, where its number would not hold."""


class Viewer(Protocol):
    """What the ledger must know of a reader; a party is one."""

    kind: str

    @property
    def ref(self) -> str:
        """How the ledger names the reader."""


def may_read(viewer: Viewer, *, kind: str, actor: str) -> bool:
    """Whether a reader learns who did an act, to what, and its detail."""
    thing = kind.partition(".")[0]
    return actor == viewer.ref or viewer.kind in OPEN_TO.get(thing, ())


def crisis_named(subject: str) -> UUID | None:
    """The crisis that a subject names; None for every other thing."""
    thing, _, uid = subject.partition(":")
    return UUID(uid) if thing == "crisis" else None
