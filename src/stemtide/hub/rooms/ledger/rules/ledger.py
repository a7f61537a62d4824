# SPDX-License-Identifier: Apache-2.0
"""Who may read what of the ledger. Numbers, kinds and times are open to all; names may not be."""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from stemtide.protocol.enums import PartyKind

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
    "exchange": _COORDINATING,
}
"""Which kinds of party read entries about one kind of thing; other things: their actor only.

Signals are missing on purpose: an entry cannot know whom a signal's handling mark lets in. Nor can
it know who was asked into a crisis: those read its timeline, where a room above opens the names.
"""


IN_ITS_ROOM = frozenset(
    {
        # What happens inside one crisis, or to a signal of one or of none.
        *(
            "check",
            "measure",
            "proposal",
            "review",
            "message",
            "line",
            "preview",
            "previews",
        ),
        *(
            "signal",
            "signals",
            "objects",
            "opinion",
            "outcomes",
            "outlier",
            "report",
            "action",
            "timeline",
        ),
        *("complaint", "redress"),
        "yearly",
        # What is asked of providers leaves no trace in a crisis.
        *("competence", "information", "order", "copy", "scrutiny", "preservation"),
        # What no room shows of others.
        *("agent", "key", "hub_key", "signing_key", "account", "password", "factors", "sittings"),
        *("contact_point", "ladder", "drill", "delivery", "link", "webhook"),
        *("referral", "referrals", "batch", "hold"),
        *("recheck", "exchange"),
    }
)
"""Things that concern the room of their own crisis alone, or none where they have no crisis.

Acts on crises and on who takes part are missing: rooms name other crises, to those who see them.
Leads are missing, as they leave no trace in their crisis.
"""

ALERTING = frozenset({"alert", "alerts"})
"""Things that every page tells of, above its blocks."""


SPACING = timedelta(microseconds=2)
"""Between the moments of two positions: room for what is told beside a signal."""


class NoTransactionError(RuntimeError):
    """The ledger was written outside a transaction, where its number would not hold."""


class Viewer(Protocol):
    """What the ledger must know of a reader; a party is one."""

    kind: str

    @property
    def ref(self) -> str:
        """How the ledger names the reader."""


class Hand(Protocol):
    """Who acts: a party, through one person's or one key's hand."""

    @property
    def party(self) -> Viewer:
        """For which party."""

    @property
    def ref(self) -> str:
        """How the ledger names the person or the key."""


def may_read(viewer: Viewer, *, kind: str, actor: str) -> bool:
    """Whether a reader learns who did an act, to what, and its detail."""
    thing = kind.partition(".")[0]
    return actor == viewer.ref or viewer.kind in OPEN_TO.get(thing, ())


def stays_in_its_room(kind: str) -> bool:
    """Whether an entry of a kind is nothing to the rooms of other crises."""
    return kind.partition(".")[0] in IN_ITS_ROOM


def is_of_alerts(kind: str) -> bool:
    """Whether an entry of a kind is about alerts, of which the bar of every page tells."""
    return kind.partition(".")[0] in ALERTING


def crisis_named(subject: str) -> UUID | None:
    """The crisis that a subject names; None for every other thing."""
    thing, _, uid = subject.partition(":")
    return UUID(uid) if thing == "crisis" else None
