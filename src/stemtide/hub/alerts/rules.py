# SPDX-License-Identifier: Apache-2.0
"""States of alerts and deliveries, back-off, and who may acknowledge, retry, drop and drill."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    allows,
    check_person_may_lead,
    check_person_may_write,
)
from stemtide.protocol.words import PartyKind, Role, Urgency

__all__ = [
    "AlertState",
    "Channel",
    "DeliveryState",
    "Urgency",
    "Via",
    "allows",
    "check_acknowledge",
    "check_drill",
    "check_drop",
    "check_renew",
    "check_resolve",
    "check_retry",
    "check_settle",
    "check_start",
    "link_valid_for",
]


class Channel(StrEnum):
    """The ways on which an alert leaves; each is a folder in channels/."""

    PAGE = "page"
    MAIL = "mail"
    WEBHOOK = "webhook"


class Via(StrEnum):
    """How somebody said that they have an alert."""

    PAGE = "page"
    LINK = "link"
    WEBHOOK = "webhook"
    API = "api"


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    OVERTAKEN = "overtaken"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DEAD = "dead"
    DROPPED = "dropped"
    ACKNOWLEDGED = "acknowledged"
    STOPPED = "stopped"


MOVES: Mapping[DeliveryState, Mapping[DeliveryState, str]] = {
    DeliveryState.QUEUED: {
        DeliveryState.SENDING: "a clock takes it",
        DeliveryState.STOPPED: "the alert is answered or overtaken",
    },
    DeliveryState.SENDING: {
        DeliveryState.SENDING: "the clock that took it died",
        DeliveryState.SENT: "the receiver took it",
        DeliveryState.FAILED: "it did not arrive",
        DeliveryState.DEAD: "it never will, or was tried too often",
    },
    DeliveryState.FAILED: {
        DeliveryState.SENDING: "its wait is over",
        DeliveryState.STOPPED: "the alert is answered or overtaken",
    },
    DeliveryState.SENT: {DeliveryState.ACKNOWLEDGED: "the alert is answered"},
    DeliveryState.DEAD: {
        DeliveryState.QUEUED: "a person retries it",
        DeliveryState.DROPPED: "a person drops it",
    },
    DeliveryState.DROPPED: {},
    DeliveryState.ACKNOWLEDGED: {},
    DeliveryState.STOPPED: {},
}
"""How a delivery moves, and why. docs/understand/alerts.md draws this table."""

WAITING = frozenset({DeliveryState.QUEUED, DeliveryState.FAILED})
"""States in which a delivery still has to leave."""

UNSETTLED = frozenset({AlertState.OPEN, AlertState.UNANSWERED})
"""States in which an alert may still be acknowledged."""

MAX_ATTEMPTS = 8
"""A delivery that failed so often is dead: about half an hour after the first try."""

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)

LEASE = timedelta(seconds=90)
"""For how long a clock has a delivery to itself; longer than any channel may take to send."""

STEP = timedelta(minutes=10)
"""How long a party without a ladder has to answer."""

LINK_VALID_FOR = timedelta(hours=24)
"""How long a link in a message acknowledges."""

REQUEST_LINK_VALID_FOR = timedelta(days=7)
"""The same of a request: whoever has no account answers it by its link as well.

source: decision 0059.
"""

_REQUESTS = frozenset({"order", "information", "referral", "batch"})
"""Subjects of alerts that are requests."""

ANEW_AFTER = timedelta(minutes=10)
"""How long whoever holds a link that has expired waits between two new ones."""

OVERLAP = timedelta(hours=24)
"""How long the secrets before a rotation still sign beside the new one."""

SECRETS = 5
"""Secrets of one contact point that may sign at once."""

DRILL_EVERY = timedelta(days=92)
"""A quarter: contact points that nobody tried for longer are stale.

source: issue 5; practice of 24/7 contact lists (contacts go stale unnoticed).
"""

REASON_LENGTH = 300


def rank(urgency: Urgency) -> int:
    """0 for the most urgent."""
    return len(Urgency) - 1 - list(Urgency).index(urgency)


def wait_after(attempts: int, *, chance: float) -> timedelta:
    """How long to wait after so many failures: doubling, capped, and spread by chance.

    chance: 0 ≤ chance < 1, drawn by the caller. The wait lies between a half and the whole of
            its step, so that receivers that come back are not met by everybody at once.
    """
    whole: timedelta = min(FIRST_WAIT * 2 ** min(attempts - 1, 16), LONGEST_WAIT)
    return whole * (0.5 + chance / 2)


def check_acknowledge(*, role: Role | None) -> None:
    """Whoever acts for their party says that it has an alert. None: a key, whose scope said so."""
    if role is not None:
        check_person_may_write(role)


def check_drill(*, kind: PartyKind, role: Role | None, others: bool) -> None:
    """Duty officers and coordinators drill their own party; those of an agency everybody.

    others: whether parties beside their own are drilled.
    """
    check_person_may_lead(role)
    if others and kind is not PartyKind.AGENCY:
        raise NotAllowedError(
            "only an agency drills other parties: drill your own, or ask the agency"
        )


def check_start(running: Sequence[str], *, count: int) -> None:
    """A drill is about somebody, and each of them is in one at a time. running: who is in one."""
    if not count:
        raise InvalidError("parties", "nobody is named: name a party, or drill everybody")
    if running:
        raise ConflictError(
            "a drill still waits for {running}: let it end, or leave them out",
            running=", ".join(running),
        )


def check_resolve(*, kind: PartyKind, role: Role | None, own: bool) -> None:
    """A party's people retry and drop its own dead letters; those of an agency everybody's."""
    check_acknowledge(role=role)
    if not own and kind is not PartyKind.AGENCY:
        raise NotAllowedError("only an agency resolves the deliveries of others: ask one")


def check_retry(state: DeliveryState, *, alert: AlertState) -> None:
    """A dead delivery is tried again, as long as its alert waits for an answer."""
    if state is not DeliveryState.DEAD:
        raise ConflictError("this delivery is {state}: only a dead one is retried", state=state)
    if alert not in UNSETTLED:
        raise ConflictError(
            "its alert is {alert}: nobody waits for it, so drop it instead", alert=alert
        )


def check_drop(state: DeliveryState, *, reason: str) -> None:
    """A dead delivery is given up by somebody who says why."""
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise InvalidError(
            "reason",
            "say in 1 to {reason_length} letters why it is dropped",
            reason_length=REASON_LENGTH,
        )
    if state is not DeliveryState.DEAD:
        raise ConflictError("this delivery is {state}: only a dead one is dropped", state=state)


def check_rotation(signing: int, *, until: datetime | None) -> None:
    """Secrets do not pile up. signing: those that sign now, the last of the old ones until then."""
    if signing >= SECRETS:
        raise ConflictError(
            "{signing} secrets of this contact point sign already: renew after {until:%H:%M} UTC",
            signing=signing,
            until=until,
        )


def link_valid_for(subject: str) -> timedelta:
    """How long the link of an alert works. subject: what the alert is about."""
    thing = subject.partition(":")[0]
    return REQUEST_LINK_VALID_FOR if thing in _REQUESTS else LINK_VALID_FOR


def check_renew(*, is_open: bool, has_point: bool, since_last: timedelta) -> None:
    """A link that has expired is sent anew to where it went, while there is something to answer.

    is_open: whether there is. has_point: whether that contact point is still there.
    since_last: how long ago the last one was queued.
    """
    if not is_open:
        raise ConflictError("nothing is left to answer: no new link is needed")
    if not has_point:
        raise ConflictError(
            "the address that this link went to is no contact point any more: ask whoever looks"
            " after your party's contact points"
        )
    if since_last < ANEW_AFTER:
        raise ConflictError("a new link is on its way already: look into the mailbox")


def check_settle(state: AlertState) -> None:
    """An alert is acknowledged while somebody waits for it."""
    if state not in UNSETTLED:
        raise ConflictError(
            "this alert is {state}: there is nothing left to acknowledge", state=state
        )
