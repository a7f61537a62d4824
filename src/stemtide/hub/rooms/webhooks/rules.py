# SPDX-License-Identifier: Apache-2.0
"""What is told to webhooks, how it is bundled, when it is tried again, and when one is given up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import MANAGING_ROLES
from stemtide.protocol.enums import Role, Scope
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

QUOTA = 20
"""Webhooks of one party."""

TESTS = 5
"""Tests of one webhook that may wait at once."""

LEASE = timedelta(seconds=60)
"""For how long a clock has a delivery to itself; longer than any attempt may take."""

OVERLAP = timedelta(hours=24)
"""How long the secrets before a renewal still sign beside the new one."""

SECRETS = 5
"""Secrets of one webhook that may sign at once."""

FAILING_FOR = timedelta(days=3)
"""After so long without one success a webhook is given up."""

KEPT_FOR: Mapping[WebhookDeliveryState, timedelta] = {
    WebhookDeliveryState.SENT: timedelta(days=3),
    WebhookDeliveryState.MOOT: timedelta(days=3),
    WebhookDeliveryState.DEAD: timedelta(days=30),
    WebhookDeliveryState.STOPPED: timedelta(days=30),
}
"""How long the delivery log holds what is over, from when it was queued."""

_MINUTE, _HOUR = 60, 3600
DELAYS_S = (
    *(0, 5, 15, _MINUTE, 5 * _MINUTE, 30 * _MINUTE),
    *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
"""Before each attempt, in seconds, from the end of the one before; spread by chance.

source: Standard Webhooks, "Deliverability and Reliability"; 15 s and 60 s are ours, for a crisis.
"""

MAX_ATTEMPTS = len(DELAYS_S)

_LONGEST_REST = 4
"""The index in DELAYS_S beyond which a webhook as a whole does not rest."""

MAX_SPANS = 50
MAX_SUBJECTS = 100
"""Of what one event keeps, so that its body stays below the 20 kB of Standard Webhooks."""

WAITING = frozenset({WebhookDeliveryState.QUEUED, WebhookDeliveryState.FAILED})
"""States in which a delivery still has to leave."""

_RETRIED = frozenset({WebhookDeliveryState.DEAD, WebhookDeliveryState.STOPPED})


class Why(StrEnum):
    """Why a webhook was given up."""

    GONE = "gone"
    FAILING = "failing"
    KEY = "key"


REASONS: Mapping[Why, str] = {
    Why.GONE: "its receiver said that its address is gone (410): resume it once it is back",
    Why.FAILING: "nothing arrived there for three days: mend its receiver, test it, resume it",
    Why.KEY: "the key that looked after it was revoked or has expired: resume it with another one",
}
"""The same in words, with the remedy. Machines read English."""

SIGNALS: Mapping[str, EventType] = {
    "signal.shared": EventType.SIGNAL_SHARED,
    "signals.shared": EventType.SIGNAL_SHARED,
    "signal.joined": EventType.SIGNAL_CHANGED,
    "signal.repeated": EventType.SIGNAL_CHANGED,
    "opinion.given": EventType.SIGNAL_CHANGED,
    "signal.withdrawn": EventType.SIGNAL_WITHDRAWN,
    "signals.expired": EventType.SIGNAL_EXPIRED,
}
"""Ledger kinds that move signals in the feed, and what they are told as."""

CRISES: Mapping[str, EventType] = {
    event_type.value: event_type
    for event_type in EventType
    if event_type.value.startswith("crisis.")
}
"""Ledger kinds that are told to whoever may see the crisis."""

_APART = frozenset({*SIGNALS.values(), *CRISES.values(), EventType.WEBHOOK_TEST})

ADDRESSED: Mapping[str, EventType] = {
    event_type.value: event_type for event_type in EventType if event_type not in _APART
}
"""Ledger kinds that are told to the parties that their alert is for (alerts/rules_kinds.py)."""


@dataclass(slots=True)
class Bundle:
    """What one event tells of, as it grows until it first leaves. Its meaning: models.Delivery."""

    happened_at: datetime
    spans: list[list[int]] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    more: int = 0

    def add_span(self, first: int, last: int, *, at: datetime) -> None:
        """Take in feed positions, which come after all that are there already.

        Beyond MAX_SPANS the last one grows over what lies between: readers then follow the feed.
        """
        self.happened_at = max(self.happened_at, at)
        if self.spans and (first <= self.spans[-1][1] + 1 or len(self.spans) >= MAX_SPANS):
            self.spans[-1][1] = max(last, self.spans[-1][1])
        else:
            self.spans.append([first, last])

    def add_subject(self, ref: str, *, at: datetime) -> None:
        """Take in a row; beyond MAX_SUBJECTS it is counted only."""
        self.happened_at = max(self.happened_at, at)
        if ref in self.subjects:
            return
        if len(self.subjects) < MAX_SUBJECTS:
            self.subjects.append(ref)
        else:
            self.more += 1

    def add(self, other: "Bundle") -> None:
        """Take in all that came later."""
        for first, last in other.spans:
            self.add_span(first, last, at=other.happened_at)
        for ref in other.subjects:
            self.add_subject(ref, at=other.happened_at)
        self.more += other.more


def span_of(detail: Mapping[str, object]) -> tuple[int, int] | None:
    """The feed positions that a ledger entry names; None where it moved nothing."""
    first = detail.get("first", detail.get("position"))
    last = detail.get("last", first)
    return (first, last) if isinstance(first, int) and isinstance(last, int) else None


def wants(patterns: Iterable[str], kind: EventType) -> bool:
    """Whether event types that were asked for name this one."""
    thing = kind.value.partition(".")[0]
    return any(pattern in {"*", f"{thing}.*", kind.value} for pattern in patterns)


def scope_of(kind: EventType) -> Scope | None:
    """What a key must be allowed to read to be told this; None where any key is."""
    if kind is EventType.WEBHOOK_TEST:
        return None
    is_request = kind in ADDRESSED.values() and kind is not EventType.PARTICIPANT_INVITED
    return Scope.REQUESTS_READ if is_request else Scope.FEED_READ


def may_tell(kind: EventType, *, scopes: Collection[str]) -> bool:
    """Whether a key with these scopes is told an event: no more than it could read."""
    scope = scope_of(kind)
    return scope is None or scope in scopes


def check_types(patterns: Sequence[str], *, scopes: Collection[str]) -> None:
    """Event types that are asked for exist, and the key could read them.

    "*" and "signal.*" ask for what the key may read; a single one that it may not is refused.
    """
    for pattern in patterns:
        named = [kind for kind in EventType if wants([pattern], kind)]
        if not named:
            raise InvalidError(
                "event_types",
                "there is no event {one}: see the list in docs/use/connect/webhooks.md",
                one=pattern,
            )
        if "*" not in pattern and not may_tell(named[0], scopes=scopes):
            raise NotAllowedError(
                "a key without the scope {scope} is not told {one}: ask for another key, or leave"
                " it out",
                scope=scope_of(named[0]),
                one=pattern,
            )


def check_look_after(role: Role | None) -> None:
    """Administrators and coordinators look after webhooks, as after the keys that register them.

    None: a machine, whose key's scope said that it may.
    """
    if role is not None and role not in MANAGING_ROLES:
        raise NotAllowedError(
            "your role ({role}) does not look after webhooks: ask an administrator of your party",
            role=role.replace("_", " "),
        )


def check_key(*, revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> None:
    """A person leaves a webhook with its key, which must be one that still opens something."""
    if revoked_at is not None or (expires_at is not None and expires_at <= now):
        raise ConflictError(
            "the key that looks after it holds no more: resume it with another one, by"
            " stemtide webhook resume"
        )


def check_quota(count: int) -> None:
    """A party has so many webhooks and no more. count: those it has."""
    if count >= QUOTA:
        raise ConflictError(
            "your party has {count} webhooks, as many as it may: remove one first", count=count
        )


def oldest_signing(generation: int, *, oldest: int, until: datetime | None, now: datetime) -> int:
    """The first generation of a secret that signs now. oldest: signs until that time."""
    return oldest if until is not None and until > now else generation


def check_renewal(signing: int, *, until: datetime | None) -> None:
    """Secrets do not pile up. signing: those that sign now, the last of the old ones until then."""
    if signing >= SECRETS:
        raise ConflictError(
            "{signing} secrets of this webhook sign already: renew it after {until:%H:%M} UTC",
            signing=signing,
            until=until,
        )


def check_test(waiting: int) -> None:
    """Tests that nobody took do not pile up. waiting: those of this webhook."""
    if waiting >= TESTS:
        raise ConflictError(
            "{waiting} tests of this webhook wait to be delivered: mend its receiver first",
            waiting=waiting,
        )


def check_again(state: WebhookDeliveryState, *, webhook: WebhookState) -> None:
    """What was given up is tried again, at a webhook that is called."""
    if state not in _RETRIED:
        raise ConflictError(
            "this delivery is {state}: only a dead or stopped one is tried again", state=state
        )
    if webhook is not WebhookState.ACTIVE:
        raise ConflictError("its webhook is {webhook}: resume it first", webhook=webhook)


def wait_before(attempt: int, *, chance: float) -> timedelta:
    """How long to wait before an attempt, 1 being the first.

    chance: 0 ≤ chance < 1, drawn by the caller: the wait lies between four fifths and six fifths of
            its step, so that a receiver that comes back is not met by everybody at once.
    """
    return timedelta(seconds=DELAYS_S[attempt - 1] * (0.8 + 0.4 * chance))


def rest_after(failures: int, *, chance: float) -> timedelta:
    """How long a webhook as a whole is left alone after so many failures in a row."""
    return wait_before(min(failures, _LONGEST_REST) + 1, chance=chance)
