# SPDX-License-Identifier: Apache-2.0
"""Rules for previews: who may send, open and destroy one, and when a pause is suggested."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import WRITING_ROLES, allows
from stemtide.protocol.enums import PartyKind, Role, SignalState

__all__ = [
    "LOOK_LASTS",
    "MAX_PREVIEWS",
    "PAUSE_AFTER",
    "PAUSE_WITHIN",
    "PreviewFacts",
    "allows",
    "check_add",
    "check_destroy",
    "check_expiry",
    "check_look",
    "check_may_see_counts",
    "check_reveal",
    "needs_pause",
]

MAX_PREVIEWS = 4
"""Most previews of one signal at a time."""

LOOK_LASTS = timedelta(minutes=10)
"""A look expires after this time: a page left open shows nothing when reloaded."""

PAUSE_AFTER = 10
PAUSE_WITHIN = timedelta(hours=1)
"""After this many looks within this time the desk suggests a pause. It never blocks anybody.

source: a number of ours. What harms, and after how many, is not settled: see docs/decide.
"""


@dataclass(frozen=True, slots=True)
class PreviewFacts:
    """The facts about a signal and its crisis that the rules need.

    is_in_room: whether the acting party takes part in the crisis.
    previews:   how many of the signal's are not destroyed.
    """

    shared_by: str
    state: SignalState
    has_crisis: bool
    is_in_room: bool
    previews: int


def check_add(facts: PreviewFacts, *, kind: PartyKind, name: str) -> None:
    """Refuse a preview unless its sender shared the signal, which is live and in a crisis."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers send no previews: tell the party that shared the signal")
    if name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, sends a preview of it: ask them",
            shared_by=facts.shared_by,
        )
    if not facts.has_crisis:
        raise ConflictError(
            "this signal belongs to no crisis, so there is no room in which its preview could be"
            " seen: share it with its crisis first"
        )
    if facts.state is not SignalState.LIVE:
        raise ConflictError("this signal matches nothing any more: a preview of it serves nobody")
    if facts.previews >= MAX_PREVIEWS:
        raise ConflictError(
            "this signal has {max_previews} previews, the most that one has",
            max_previews=MAX_PREVIEWS,
        )


def check_expiry(expires_at: datetime, *, now: datetime, most: timedelta) -> None:
    """Refuse a date of destruction in the past, or too far in the future."""
    if expires_at <= now:
        raise InvalidError("expires_at", "lies in the past: name when it is to be destroyed")
    if expires_at > now + most:
        raise InvalidError(
            "expires_at",
            "lies too late: this hub keeps a preview for {days} days at most; send it again then,"
            " if it is still needed",
            days=most.days,
        )


def check_look(facts: PreviewFacts, *, kind: PartyKind, role: Role | None) -> None:
    """Refuse a look unless a person who may write acts for a party in the crisis.

    source: Regulation (EU) 2016/679 Art. 5(1)(b, c): for a purpose, and no more than it needs.
    """
    if kind is PartyKind.OBSERVER or not facts.is_in_room:
        raise NotAllowedError("only parties in the room look at previews: join the crisis first")
    if role is None:
        raise NotAllowedError("only a person looks at a preview: sign in at the desk")
    if role not in WRITING_ROLES:
        raise NotAllowedError(
            "your role ({role}) looks at no content: ask a duty officer of your party",
            role=role.replace("_", " "),
        )
    if not facts.previews or facts.state is not SignalState.LIVE:
        raise ConflictError("no preview is kept of this: its sharer sent none, or it is destroyed")


def check_reveal(*, opened_at: datetime, now: datetime) -> None:
    """Refuse to reveal a preview in an expired look."""
    if now - opened_at > LOOK_LASTS:
        raise ConflictError("this look is over: open the preview again, and say for what")


def check_destroy(
    facts: PreviewFacts, *, destroyed_at: datetime | None, kind: PartyKind, name: str
) -> None:
    """Refuse to destroy a preview for any party but its sender or an agency, or twice."""
    if kind is not PartyKind.AGENCY and name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who sent this preview, or an agency destroys it: ask them",
            shared_by=facts.shared_by,
        )
    if destroyed_at is not None:
        raise ConflictError(
            "this preview was destroyed at {destroyed_at:%Y-%m-%d %H:%M:%S} UTC",
            destroyed_at=destroyed_at,
        )


def check_may_see_counts(role: Role) -> None:
    """Refuse a party's counts of looks to roles that do not look after its people."""
    if role not in {Role.DATA_PROTECTION_OFFICER, Role.COORDINATOR, Role.ADMINISTRATOR}:
        raise NotAllowedError(
            "counts of a party's looks are for its data protection officer, coordinator and"
            " administrators: you see your own"
        )


def needs_pause(looks: int) -> bool:
    """Whether a pause is suggested after so many looks within PAUSE_WITHIN."""
    return looks >= PAUSE_AFTER
