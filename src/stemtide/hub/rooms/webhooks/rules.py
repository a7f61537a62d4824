# SPDX-License-Identifier: Apache-2.0
"""Rules for webhooks: event types, bundling, retries, and when a webhook is disabled."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

QUOTA = 20
"""Webhooks of one party."""

TESTS = 5
"""Waiting tests of one webhook at most."""

LEASE = timedelta(seconds=60)
"""How long one scheduler holds a delivery; longer than any attempt may take."""

OVERLAP = timedelta(hours=24)
"""How long the secrets before a renewal still sign beside the new one."""

SECRETS = 5
"""Secrets of one webhook that may sign at once."""

FAILING_FOR = timedelta(days=3)
"""A webhook is disabled after this time without a success."""

KEPT_FOR: Mapping[WebhookDeliveryState, timedelta] = {
    WebhookDeliveryState.SENT: timedelta(days=3),
    WebhookDeliveryState.MOOT: timedelta(days=3),
    WebhookDeliveryState.DEAD: timedelta(days=30),
    WebhookDeliveryState.STOPPED: timedelta(days=30),
}
"""Retention of finished deliveries in the log, from when they were queued."""

_MINUTE, _HOUR = 60, 3600
DELAYS_S = (
    *(0, 5, 15, _MINUTE, 5 * _MINUTE, 30 * _MINUTE),
    *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
"""Delay before each attempt, in seconds, from the end of the one before, without jitter.

source: Standard Webhooks, "Deliverability and Reliability"; 15 s and 60 s are ours, for a crisis.
"""

MAX_ATTEMPTS = len(DELAYS_S)

_LONGEST_REST = 4
"""The highest index in DELAYS_S that is used for the pause of a whole webhook."""

MAX_SPANS = 50
MAX_SUBJECTS = 100
"""Limits of one event, so that its body stays below the 20 kB of Standard Webhooks."""

WAITING = frozenset({WebhookDeliveryState.QUEUED, WebhookDeliveryState.FAILED})
"""States of deliveries that still have to be sent."""

_RETRIED = frozenset({WebhookDeliveryState.DEAD, WebhookDeliveryState.STOPPED})


class DisableReason(StrEnum):
    """Reasons for disabling a webhook."""

    GONE = "gone"
    FAILING = "failing"
    KEY = "key"


REASONS: Mapping[DisableReason, str] = {
    DisableReason.GONE: (
        "its receiver said that its address is gone (410): resume it once it is back"
    ),
    DisableReason.FAILING: (
        "nothing arrived there for three days: mend its receiver, test it, resume it"
    ),
    DisableReason.KEY: (
        "the key that looked after it was revoked or has expired: resume it with another one"
    ),
}
"""Texts of the reasons, with the remedy, in English for machines."""

SIGNALS: Mapping[str, EventType] = {
    "signal.shared": EventType.SIGNAL_SHARED,
    "signals.shared": EventType.SIGNAL_SHARED,
    "signal.joined": EventType.SIGNAL_CHANGED,
    "signal.extended": EventType.SIGNAL_CHANGED,
    "signal.repeated": EventType.SIGNAL_CHANGED,
    "opinion.given": EventType.SIGNAL_CHANGED,
    "dispute.dismissed": EventType.SIGNAL_CHANGED,
    "dispute.restored": EventType.SIGNAL_CHANGED,
    "disputes.weighed": EventType.SIGNAL_CHANGED,
    "runaway.lowered": EventType.SIGNAL_CHANGED,
    "runaway.ended": EventType.SIGNAL_CHANGED,
    "runaway.decided": EventType.SIGNAL_CHANGED,
    "signal.withdrawn": EventType.SIGNAL_WITHDRAWN,
    "signals.unconfirmed": EventType.SIGNAL_WITHDRAWN,
    "signals.adopted": EventType.SIGNAL_CHANGED,
    "signals.limited": EventType.SIGNAL_CHANGED,
    "signals.expired": EventType.SIGNAL_EXPIRED,
}
"""Event types by ledger kinds that move signals in the feed."""

CRISES: Mapping[str, EventType] = {
    event_type.value: event_type
    for event_type in EventType
    if event_type.value.startswith("crisis.")
}
"""Event types by ledger kinds that go to every party that may see the crisis."""

_APART = frozenset({*SIGNALS.values(), *CRISES.values(), EventType.WEBHOOK_TEST})

ADDRESSED: Mapping[str, EventType] = {
    event_type.value: event_type for event_type in EventType if event_type not in _APART
}
"""Event types by ledger kinds that go to the addressees of their alert (alerts/rules/kinds.py)."""


@dataclass(slots=True)
class Bundle:
    """The content of an event, which grows until it is first sent. Fields as in models.Delivery."""

    happened_at: datetime
    spans: list[list[int]] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    more: int = 0

    def add_span(self, first: int, last: int, *, at: datetime) -> None:
        """Add feed positions, which must come after all present ones.

        Beyond MAX_SPANS the last span grows over the gap: readers then follow the feed.
        """
        self.happened_at = max(self.happened_at, at)
        if self.spans and (first <= self.spans[-1][1] + 1 or len(self.spans) >= MAX_SPANS):
            self.spans[-1][1] = max(last, self.spans[-1][1])
        else:
            self.spans.append([first, last])

    def add_subject(self, ref: str, *, at: datetime) -> None:
        """Add a row; beyond MAX_SUBJECTS it is only counted."""
        self.happened_at = max(self.happened_at, at)
        if ref in self.subjects:
            return
        if len(self.subjects) < MAX_SUBJECTS:
            self.subjects.append(ref)
        else:
            self.more += 1

    def add(self, other: "Bundle") -> None:
        """Add a later bundle."""
        for first, last in other.spans:
            self.add_span(first, last, at=other.happened_at)
        for ref in other.subjects:
            self.add_subject(ref, at=other.happened_at)
        self.more += other.more


def span_of(detail: Mapping[str, object]) -> tuple[int, int] | None:
    """Return the feed positions in a ledger entry; None if it moved nothing."""
    first = detail.get("first", detail.get("position"))
    last = detail.get("last", first)
    return (first, last) if isinstance(first, int) and isinstance(last, int) else None


def wants(patterns: Iterable[str], kind: EventType) -> bool:
    """Whether the requested event types include this one."""
    thing = kind.value.partition(".")[0]
    return any(pattern in {"*", f"{thing}.*", kind.value} for pattern in patterns)


def scope_of(kind: EventType) -> Scope | None:
    """Return the scope that a key needs for this event type; None if any key will do."""
    if kind is EventType.WEBHOOK_TEST:
        return None
    is_request = kind in ADDRESSED.values() and kind is not EventType.PARTICIPANT_INVITED
    return Scope.REQUESTS_READ if is_request else Scope.FEED_READ


def may_tell(kind: EventType, *, scopes: Collection[str]) -> bool:
    """Whether a key with these scopes gets an event: only if it could read the content."""
    scope = scope_of(kind)
    return scope is None or scope in scopes


def check_types(patterns: Sequence[str], *, scopes: Collection[str]) -> None:
    """Refuse event types that do not exist, or that the key may not read.

    Patterns like "*" and "signal.*" select only readable types; a single forbidden one is refused.
    """
    for pattern in patterns:
        matching = [kind for kind in EventType if wants([pattern], kind)]
        if not matching:
            raise InvalidError(
                "event_types",
                "there is no event {one}: see the list in docs/use/connect/webhooks.md",
                one=pattern,
            )
        if "*" not in pattern and not may_tell(matching[0], scopes=scopes):
            raise NotAllowedError(
                "a key without the scope {scope} cannot receive {one}: ask for another key, "
                "or leave it out",
                scope=scope_of(matching[0]),
                one=pattern,
            )


def check_key(*, revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> None:
    """Refuse to leave a webhook with a revoked or expired key."""
    if revoked_at is not None or (expires_at is not None and expires_at <= now):
        raise ConflictError(
            "its managing key is no longer valid: resume it with another key, with stemtide "
            "webhook resume"
        )


def check_quota(count: int) -> None:
    """Refuse a webhook beyond the party's quota. count: of its present ones."""
    if count >= QUOTA:
        raise ConflictError(
            "your party has {count} webhooks, the maximum: remove one first", count=count
        )


def oldest_signing(generation: int, *, oldest: int, until: datetime | None, now: datetime) -> int:
    """Return the first generation of a secret that signs now. oldest: signs until that time."""
    return oldest if until is not None and until > now else generation


def check_renewal(signing: int, *, until: datetime | None) -> None:
    """Refuse a renewal while too many secrets are valid. until: when the old ones retire."""
    if signing >= SECRETS:
        raise ConflictError(
            "{signing} secrets of this webhook are valid already: renew again after "
            "{until:%H:%M} UTC",
            signing=signing,
            until=until,
        )


def check_test(waiting: int) -> None:
    """Refuse a test while too many of this webhook's tests are waiting."""
    if waiting >= TESTS:
        raise ConflictError(
            "{waiting} tests of this webhook wait for delivery: repair its receiver first",
            waiting=waiting,
        )


def check_retry(state: WebhookDeliveryState, *, webhook: WebhookState) -> None:
    """Refuse to retry a delivery that was not given up, or whose webhook is not active."""
    if state not in _RETRIED:
        raise ConflictError(
            "this delivery is {state}: you can retry only a dead or stopped one", state=state
        )
    if webhook is not WebhookState.ACTIVE:
        raise ConflictError("the webhook is {webhook}: resume it first", webhook=webhook)


def wait_before(attempt: int, *, jitter: float) -> timedelta:
    """Return the wait before an attempt, 1 being the first.

    jitter: 0 ≤ jitter < 1, drawn by the caller: the wait is between four fifths and six fifths of
            its step, so that a receiver that comes back is not met by all deliveries at once.
    """
    return timedelta(seconds=DELAYS_S[attempt - 1] * (0.8 + 0.4 * jitter))


def rest_after(failures: int, *, jitter: float) -> timedelta:
    """Return how long a webhook is not called after so many consecutive failures."""
    return wait_before(min(failures, _LONGEST_REST) + 1, jitter=jitter)
