# SPDX-License-Identifier: Apache-2.0
"""Rules for alerts: states, retries, and who may acknowledge, retry, drop and drill."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead, check_person_may_write
from stemtide.protocol.enums import PartyKind, Role, Urgency

__all__ = [
    "AlertState",
    "Channel",
    "DeliveryState",
    "Urgency",
    "Via",
    "add_thing",
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
    "remove_thing",
]


class Channel(StrEnum):
    """The channels through which alerts leave; each is a folder in channels/."""

    PAGE = "page"
    MAIL = "mail"
    WEBHOOK = "webhook"


class Via(StrEnum):
    """How an alert was acknowledged."""

    PAGE = "page"
    LINK = "link"
    WEBHOOK = "webhook"
    API = "api"


class AlertState(StrEnum):
    """The state of an alert."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    OVERTAKEN = "overtaken"


class DeliveryState(StrEnum):
    """The state of a delivery."""

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
"""Allowed state changes of a delivery, with reasons. docs/understand/alerts.md draws this table."""

WAITING = frozenset({DeliveryState.QUEUED, DeliveryState.FAILED})
"""States of deliveries that still have to be sent."""

UNSETTLED = frozenset({AlertState.OPEN, AlertState.UNANSWERED})
"""States in which an alert may still be acknowledged."""

MAX_ATTEMPTS = 8
"""A delivery is dead after this many failures: about half an hour after the first attempt."""

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)

LEASE = timedelta(seconds=90)
"""How long one scheduler holds a delivery; longer than any channel may take to send."""

STEP = timedelta(minutes=10)
"""How long a party without an escalation ladder has to answer."""

LINK_VALID_FOR = timedelta(hours=24)
"""How long a link in a message is valid."""

REQUEST_LINK_VALID_FOR = timedelta(days=7)
"""How long the link of a request is valid, by which people without an account also answer it.

source: decision 0059.
"""

_REQUESTS = frozenset({"order", "information", "referral", "batch"})
"""Subjects of alerts that are requests."""

NEW_LINK_AFTER = timedelta(minutes=10)
"""The shortest time between two new links in place of an expired one."""

OVERLAP = timedelta(hours=24)
"""How long earlier secrets still sign after a rotation, along with the new one."""

SECRETS = 5
"""Secrets of one contact point that may sign at once."""

DRILL_EVERY = timedelta(days=92)
"""A quarter: contact points not tested for longer may be stale.

source: issue 5; practice of 24/7 contact lists (contacts go stale unnoticed).
"""

REASON_LENGTH = 300

MOST_COUNTED = 1000
"""Things of one alert that are counted once each; those after them count each time."""

LATEST_REASONS = 5
"""Texts that an alert about several things quotes."""


def rank(urgency: Urgency) -> int:
    """Return the sort rank of an urgency, 0 for the most urgent."""
    return len(Urgency) - 1 - list(Urgency).index(urgency)


def wait_after(attempts: int, *, jitter: float) -> timedelta:
    """Return the wait after so many failures: it doubles, is capped, and has random jitter.

    jitter: 0 ≤ jitter < 1, drawn by the caller. The wait is between half and the whole of its step,
            so that a receiver that comes back is not met by all deliveries at once.
    """
    longest: timedelta = min(FIRST_WAIT * 2 ** min(attempts - 1, 16), LONGEST_WAIT)
    return longest * (0.5 + jitter / 2)


def check_acknowledge(*, role: Role | None) -> None:
    """Refuse an acknowledgement by a role that may not write. None: an API key with the scope."""
    if role is not None:
        check_person_may_write(role)


def check_drill(*, kind: PartyKind, role: Role | None, others: bool) -> None:
    """Refuse a drill by a role that may not lead, or of other parties by anyone but an agency.

    others: whether other parties are drilled.
    """
    check_person_may_lead(role)
    if others and kind is not PartyKind.AGENCY:
        raise NotAllowedError(
            "only an agency can drill other parties: drill your own party, or ask the agency"
        )


def check_start(running: Sequence[str], *, count: int) -> None:
    """Refuse a drill of no party, or of a party that is still in one. running: those parties."""
    if not count:
        raise InvalidError("parties", "no party is named: name one, or drill everybody")
    if running:
        raise ConflictError(
            "another drill still waits for {running}: wait until it ends, or leave them out",
            running=", ".join(running),
        )


def check_resolve(*, kind: PartyKind, role: Role | None, is_own: bool) -> None:
    """Refuse to resolve a delivery for roles that may not write; of others, only agencies may."""
    check_acknowledge(role=role)
    if not is_own and kind is not PartyKind.AGENCY:
        raise NotAllowedError("only an agency can handle deliveries of other parties: ask one")


def check_retry(state: DeliveryState, *, alert: AlertState) -> None:
    """Refuse to retry a delivery that is not dead, or whose alert no longer needs an answer."""
    if state is not DeliveryState.DEAD:
        raise ConflictError(
            "this delivery is {state}: you can retry only a dead letter", state=state
        )
    if alert not in UNSETTLED:
        raise ConflictError(
            "its alert is {alert} and needs no delivery: drop it instead", alert=alert
        )


def check_drop(state: DeliveryState, *, reason: str) -> None:
    """Refuse to drop a delivery that is not dead, or without a reason."""
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise InvalidError(
            "reason",
            "give a reason of 1 to {reason_length} characters",
            reason_length=REASON_LENGTH,
        )
    if state is not DeliveryState.DEAD:
        raise ConflictError(
            "this delivery is {state}: you can drop only a dead letter", state=state
        )


def check_rotation(signing: int, *, until: datetime | None) -> None:
    """Refuse a rotation while too many secrets are valid. until: when the last old one retires."""
    if signing >= SECRETS:
        raise ConflictError(
            "{signing} secrets of this contact point are valid already: renew again after "
            "{until:%H:%M} UTC",
            signing=signing,
            until=until,
        )


def add_thing(
    parameters: Mapping[str, str], *, thing: str, actor: str, title: str, words: str
) -> dict[str, str]:
    """Return the parameters of an alert about several things, with one thing more.

    count: of different things; by: the titles of all that acted; reasons: the latest texts, one a
    line. things, actors: ids, to count each once, of at most MOST_COUNTED things.
    """
    things, actors = (parameters.get(name, "").split() for name in ("things", "actors"))
    count, by = int(parameters.get("count", 0)), parameters.get("by", "")
    if thing not in things:
        count += 1
        things = [*things, thing][:MOST_COUNTED]
    if actor not in actors:
        actors.append(actor)
        by = f"{by}, {title}" if by else title
    reasons = [line for line in parameters.get("reasons", "").splitlines() if line]
    text = " ".join(words.split())[:REASON_LENGTH]
    if text and text not in reasons:
        reasons = [*reasons, text][-LATEST_REASONS:]
    return {
        "count": str(count),
        "by": by,
        "reasons": "\n".join(reasons),
        "things": " ".join(things),
        "actors": " ".join(actors),
    }


def remove_thing(parameters: Mapping[str, str], *, thing: str) -> dict[str, str]:
    """Return the parameters of an alert about several things, without one of them."""
    things = parameters.get("things", "").split()
    if thing not in things:
        return dict(parameters)
    things.remove(thing)
    count = int(parameters.get("count", 0)) - 1
    return {**parameters, "count": str(count), "things": " ".join(things)}


def link_valid_for(subject: str) -> timedelta:
    """Return how long the link of an alert works. subject: of the alert."""
    thing = subject.partition(":")[0]
    return REQUEST_LINK_VALID_FOR if thing in _REQUESTS else LINK_VALID_FOR


def check_renew(*, is_open: bool, has_point: bool, since_last: timedelta) -> None:
    """Refuse to renew a link if nothing is left to answer, or its contact point is gone.

    is_open: whether something is left. has_point: whether the contact point still exists.
    since_last: the time since the last link was queued; too short is refused as well.
    """
    if not is_open:
        raise ConflictError("there is nothing left to answer: you need no new link")
    if not has_point:
        raise ConflictError(
            "the address of this link is no longer a contact point: ask the person who "
            "manages your party's contact points"
        )
    if since_last < NEW_LINK_AFTER:
        raise ConflictError("a new link has already been sent: check the mailbox")


def check_settle(state: AlertState) -> None:
    """Refuse to acknowledge an alert that needs no acknowledgement."""
    if state not in UNSETTLED:
        raise ConflictError(
            "this alert is {state}: there is nothing left to acknowledge", state=state
        )
