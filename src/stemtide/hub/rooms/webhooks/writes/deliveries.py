# SPDX-License-Identifier: Apache-2.0
"""Write deliveries to webhooks: claim due ones, record results; disable webhooks.

A delivery is a job (platform/jobs.py): receivers get an event at least once, and detect repeats by
its id, which is the same at every attempt.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from stemtide.egress.posts import PostOutcome, PostResult
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.jobs import claim
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.rules import DisableReason
from stemtide.protocol.enums import Standing
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

OF_A_PARTY = 2
"""Deliveries to one party that are under way at once: it holds up nobody but itself."""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that a scheduler has claimed. attempt: 1 for the first."""

    delivery: UUID
    attempt: int


@needs_no_entry("it is a lease; the outcome of the delivery is in its row")
def claim_due(now: datetime, *, limit: int) -> list[ClaimedDelivery]:
    """Claim due deliveries, each for one scheduler only; reliable receivers first."""
    busy = Delivery.objects.filter(state=WebhookDeliveryState.SENDING, next_at__gt=now)
    under_way = busy.order_by().values_list("webhook__party").annotate(Count("pk"))
    counts: dict[int, int] = dict(under_way)
    rows = _due(now).exclude(Exists(busy.filter(webhook=OuterRef("webhook"))))
    rows = rows.order_by("webhook__failures", "next_at", "pk")
    claimed: list[ClaimedDelivery] = []
    hooks: set[int] = set()
    while len(claimed) < limit:
        # One at a time: otherwise one party's deliveries could fill the batch, and a party with
        # many deliveries and fast responses would go first at every tick.
        at_limit = [party for party, count in counts.items() if count >= OF_A_PARTY]
        row = rows.exclude(webhook__party__in=at_limit).exclude(webhook__in=hooks).first()
        if row is None:
            break
        hooks.add(row.webhook_id)
        if claim(row, until=now + rules.LEASE, state=WebhookDeliveryState.SENDING, tried_at=now):
            claimed.append(ClaimedDelivery(row.uid, row.attempts))
            party = row.webhook.party_id
            counts[party] = counts.get(party, 0) + 1
    return claimed


def _due(now: datetime) -> QuerySet[Delivery]:
    """Return due deliveries to webhooks that are active and may be called, and all due tests.

    Those of a suspended party wait until the suspension is lifted.
    """
    is_open = Q(webhook__state=WebhookState.ACTIVE) & (
        Q(webhook__rest_until=None) | Q(webhook__rest_until__lte=now)
    )
    states = (*rules.WAITING, WebhookDeliveryState.SENDING)
    due = Delivery.objects.filter(state__in=states, next_at__lte=now)
    due = due.exclude(webhook__party__standing=Standing.SUSPENDED)
    return due.filter(is_open | Q(kind=EventType.WEBHOOK_TEST)).select_related("webhook")


@transaction.atomic
def note(
    claimed: ClaimedDelivery, *, result: PostResult | None, jitter: float, now: datetime
) -> bool:
    """Record the result of an attempt; return False if another scheduler has taken it over.

    result: None if nothing was left to tell, and nothing was sent.
    jitter: spreads the waits, 0 ≤ jitter < 1.
    """
    ledger.lock_ledger()
    sending = Delivery.objects.filter(
        uid=claimed.delivery, state=WebhookDeliveryState.SENDING, attempts=claimed.attempt
    )
    row = sending.select_related("webhook__party").first()
    if row is None:  # taken over, or its webhook was removed
        return False
    if result is None:
        row.state, row.said = WebhookDeliveryState.MOOT, "there was nothing left to tell"
    else:
        row.status, row.said = result.status, result.words[:300]
        if result.fate is PostOutcome.SENT:
            _arrived(row, now=now)
        else:
            _failed(row, result, jitter=jitter, now=now)
    row.save()
    return True


def disable(row: Webhook, *, why: DisableReason, now: datetime) -> None:
    """Disable a webhook, once; the ledger entry alerts its party."""
    with transaction.atomic():
        ledger.lock_ledger()
        active = Webhook.objects.filter(pk=row.pk, state=WebhookState.ACTIVE)
        if not active.update(state=WebhookState.DISABLED, why=why):
            return
        waiting = Delivery.objects.filter(webhook=row, state__in=rules.WAITING)
        waiting.update(state=WebhookDeliveryState.STOPPED)
        _record("webhook.disabled", row, now=now, because=why.value)


@needs_no_entry("it deletes old deliveries from the log")
def forget_old(now: datetime) -> int:
    """Delete log rows past their retention; return how many."""
    count = 0
    for state, kept_for in rules.KEPT_FOR.items():
        old = Delivery.objects.filter(state=state, queued_at__lt=now - kept_for)
        count += old.delete()[0]
    return count


def _arrived(row: Delivery, *, now: datetime) -> None:
    """Record a success, which resets the webhook's failures."""
    row.state, row.sent_at = WebhookDeliveryState.SENT, now
    Webhook.objects.filter(pk=row.webhook_id).update(
        failures=0, failing_since=None, rest_until=None, last_sent_at=now
    )


def _failed(row: Delivery, result: PostResult, *, jitter: float, now: datetime) -> None:
    """Record a failure: the delivery is retried or dead, and its webhook rests or is disabled."""
    hook = row.webhook
    Webhook.objects.filter(pk=hook.pk).update(failures=F("failures") + 1)
    hook.refresh_from_db()
    requested_wait = result.wait or timedelta()
    hook.failing_since = hook.failing_since or now
    hook.rest_until = now + max(rules.rest_after(hook.failures, jitter=jitter), requested_wait)
    hook.save(update_fields=["failing_since", "rest_until"])
    if row.attempts >= rules.MAX_ATTEMPTS:
        row.state = WebhookDeliveryState.DEAD
        _record("webhook.exhausted", hook, now=now, event=row.kind)
    else:
        wait = rules.wait_before(row.attempts + 1, jitter=jitter)
        row.state, row.next_at = WebhookDeliveryState.FAILED, now + max(wait, requested_wait)
    if result.is_gone or now - hook.failing_since >= rules.FAILING_FOR:
        disable(hook, why=DisableReason.GONE if result.is_gone else DisableReason.FAILING, now=now)
        row.state = WebhookDeliveryState.STOPPED


def _record(kind: str, row: Webhook, *, now: datetime, **detail: object) -> None:
    """Append an act of the scheduler on a webhook to the ledger, naming the party to alert."""
    ledger.append(
        kind,
        actor=CLOCK,
        subject=row.ref,
        now=now,
        detail={"parties": [row.party.name], **detail},
    )
