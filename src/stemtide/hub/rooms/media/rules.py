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
        raise NotAllowedError(
            "observers cannot send previews: tell the party that shared the signal"
        )
    if name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, can send a preview: ask them",
            shared_by=facts.shared_by,
        )
    if not facts.has_crisis:
        raise ConflictError(
            "this signal has no crisis, and previews are shown in crises only: share it with "
            "its crisis first"
        )
    if facts.state is not SignalState.LIVE:
        raise ConflictError("this signal no longer matches: it needs no preview")
    if facts.previews >= MAX_PREVIEWS:
        raise ConflictError(
            "this signal already has {max_previews} previews, the maximum",
            max_previews=MAX_PREVIEWS,
        )


def check_expiry(expires_at: datetime, *, now: datetime, most: timedelta) -> None:
    """Refuse a date of destruction in the past, or too far in the future."""
    if expires_at <= now:
        raise InvalidError("expires_at", "is in the past: enter when the preview must be destroyed")
    if expires_at > now + most:
        raise InvalidError(
            "expires_at",
            "is too late: this hub keeps a preview for {days} days at most; send it again "
            "then if you still need it",
            days=most.days,
        )


def check_look(facts: PreviewFacts, *, kind: PartyKind, role: Role | None) -> None:
    """Refuse a look unless a person who may write acts for a party in the crisis.

    source: Regulation (EU) 2016/679 Art. 5(1)(b, c): for a purpose, and no more than it needs.
    """
    if kind is PartyKind.OBSERVER or not facts.is_in_room:
        raise NotAllowedError("only participants can open previews: join the crisis first")
    if role is None:
        raise NotAllowedError("only a person can open a preview: sign in at the desk")
    if role not in WRITING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot open content: ask a duty officer of your party",
            role=role.replace("_", " "),
        )
    if not facts.previews or facts.state is not SignalState.LIVE:
        raise ConflictError("there is no preview: its sharer sent none, or it was destroyed")


def check_reveal(*, opened_at: datetime, now: datetime) -> None:
    """Refuse to reveal a preview in an expired look."""
    if now - opened_at > LOOK_LASTS:
        raise ConflictError("this preview has closed: open it again with a purpose")


def check_destroy(
    facts: PreviewFacts, *, destroyed_at: datetime | None, kind: PartyKind, name: str
) -> None:
    """Refuse to destroy a preview for any party but its sender or an agency, or twice."""
    if kind is not PartyKind.AGENCY and name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who sent this preview, or an agency can destroy it: ask them",
            shared_by=facts.shared_by,
        )
    if destroyed_at is not None:
        raise ConflictError(
            "this preview was destroyed at {destroyed_at:%Y-%m-%d %H:%M:%S} UTC",
            destroyed_at=destroyed_at,
        )


def needs_pause(looks: int) -> bool:
    """Whether a pause is suggested after so many looks within PAUSE_WITHIN."""
    return looks >= PAUSE_AFTER
