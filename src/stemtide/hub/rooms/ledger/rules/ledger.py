# SPDX-License-Identifier: Apache-2.0
"""Rules for reading the ledger. Numbers, kinds and times are public; names may not be."""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.protocol.enums import PartyKind

CLOCK = "clock"
"""The actor of what the scheduler does."""

PARTY_OF_EXERCISE = "party:exercise--"
"""How the reference of a party begins that exists for one exercise only: decision 0174."""

RUNS_AFTER: dict[str, bool] = {
    "exercise.prepared": False,
    "exercise.started": True,
    "exercise.paused": False,
    "exercise.interrupted": False,
    "exercise.resumed": True,
    "exercise.ended": False,
}
"""The kinds of entries that change the state of an exercise, and whether it runs afterwards."""

_OF_AGENTS = frozenset({"agent", "outcomes", "allow_matches", "witness", "log"})
"""Things that an agent reports by itself, also while an exercise stands still."""

_COORDINATING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.CONSORTIUM})

OPEN_TO: dict[str, frozenset[PartyKind]] = {
    "party": frozenset(PartyKind),
    "standing": frozenset(PartyKind),
    "suspension": frozenset({PartyKind.AGENCY}),
    "crisis": _COORDINATING,
    "check": _COORDINATING,
    "measure": _COORDINATING,
    "proposal": _COORDINATING,
    "review": _COORDINATING,
    "participant": _COORDINATING,
    "role": _COORDINATING,
    "neighbour": _COORDINATING,
    "adoption": _COORDINATING,
    "adoptions": _COORDINATING,
    "agent": _COORDINATING,
    "exchange": _COORDINATING,
    "setting": frozenset(PartyKind),
    "figures": frozenset(PartyKind),
    "match_epoch": frozenset(PartyKind),
    "signing_key": frozenset(PartyKind),
    "allow_entry": frozenset(PartyKind),
    "approval": frozenset({PartyKind.AGENCY}),
    "dismissal": frozenset({PartyKind.AGENCY}),
}
"""The kinds of party that may read entries about each thing; all other things: their actor only.

Signals are missing on purpose: an entry cannot know which parties a signal's handling mark allows.
Nor can it know who was invited to a crisis: they read its timeline, where a room above opens names.
"""


IN_ITS_ROOM = frozenset(
    {
        # Acts inside one crisis, or on a signal of one crisis or of none.
        *(
            "check",
            "measure",
            "proposal",
            "review",
            "message",
            "line",
            "preview",
            "previews",
            "local_features",
            "role",
            "task",
            "adoption",
            "adoptions",
        ),
        *("observation", "review_page", "witness", "log", "figures", "signing_key"),
        *(
            "signal",
            "signals",
            "runaway",
            "objects",
            "opinion",
            "dispute",
            "disputes",
            "question",
            "outcomes",
            "outlier",
            "report",
            "action",
            "timeline",
        ),
        *("complaint", "redress", "rights_request"),
        *("yearly", "dsa"),
        # Requests to providers are not shown in a crisis.
        *("competence", "information", "order", "copy", "scrutiny", "preservation"),
        *("appeal", "finality", "entry"),
        # Acts that crisis pages never show.
        *(
            "agent",
            "key",
            "hub_key",
            "signing_key",
            "match_epoch",
            "account",
            "password",
            "factors",
            "sittings",
        ),
        *("contact_point", "ladder", "drill", "delivery", "link", "webhook"),
        *("referral", "referrals", "batch", "hold"),
        *("recheck", "exchange", "standing", "suspension"),
        *("allow_entry", "allow_matches", "approval", "backup", "log"),
        # Who read what concerns nobody's page but the ledger.
        *("people", "ledger"),
    }
)
"""Things that concern only their own crisis, or no crisis at all.

Acts on crises and participants are missing, because pages of other crises may name them.
Leads are missing, because they are not shown in their crisis.
"""

ALERTING = frozenset({"alert", "alerts"})
"""Things that the header of every page shows."""


SPACING = timedelta(microseconds=2)
"""Between the times of two positions: room for objects published beside a signal."""


class NoTransactionError(RuntimeError):
    """The ledger was written outside a transaction, where its number could be lost."""


class Viewer(Protocol):
    """The facts about a reader that the ledger needs; a party is one."""

    kind: str

    @property
    def ref(self) -> str:
        """Return the reader's name in the ledger."""


class ActorLike(Protocol):
    """The actor of an act: a party, through a person or a key."""

    @property
    def party(self) -> Viewer:
        """Return the party that is acted for."""

    @property
    def ref(self) -> str:
        """Return the name of the person or key in the ledger."""


def check_mark(actor: str, *, exercise: bool) -> None:
    """Refuse anything real of a party that exists for one exercise only.

    Every write appends what it does, so nothing that such a party does can be real.

    raises: NotAllowedError.
    """
    if actor.startswith(PARTY_OF_EXERCISE) and not exercise:
        raise NotAllowedError(
            "this party exists for an exercise only: mark what you send as an exercise"
        )


def acts_for_exercise(kind: str, *, actor: str) -> bool:
    """Whether an act is of a party that exists for one exercise, and is no report of its agent."""
    return actor.startswith(PARTY_OF_EXERCISE) and kind.partition(".")[0] not in _OF_AGENTS


def check_runs(last: str | None) -> None:
    """Refuse an act of an exercise that does not run. last: the kind that changed it last.

    raises: ConflictError.
    """
    if not RUNS_AFTER.get(last or "", False):
        raise ConflictError("this exercise does not run now: wait for its director")


def may_read(viewer: Viewer, *, kind: str, actor: str) -> bool:
    """Whether a reader may see actor, subject and detail of an act."""
    thing = kind.partition(".")[0]
    return actor == viewer.ref or viewer.kind in OPEN_TO.get(thing, ())


def stays_in_its_room(kind: str) -> bool:
    """Whether an entry of a kind does not concern other crises."""
    return kind.endswith(".read") or kind.partition(".")[0] in IN_ITS_ROOM


def is_of_alerts(kind: str) -> bool:
    """Whether an entry of a kind is about alerts, which the header of every page shows."""
    return kind.partition(".")[0] in ALERTING


def crisis_named(subject: str) -> UUID | None:
    """Return the crisis in a subject; None for all other subjects."""
    thing, _, uid = subject.partition(":")
    return UUID(uid) if thing == "crisis" else None


READ_ONCE_IN = timedelta(hours=1)
"""A person or key that reads the same thing again within this time adds no entry."""

READ_KINDS = (
    *("lead.read", "complaint.read", "people.searched", "signals.exported"),
    *("preview.opened", "preview.revealed"),
    *("timeline.exported", "ledger.exported"),
)
"""The kinds of entries that say who read or exported what: decision 0201."""
