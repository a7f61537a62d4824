# SPDX-License-Identifier: Apache-2.0
"""Writers of deliveries: take what is due, note what became of it, retry, give up, forget.

A delivery is taken by one clock: the row count of a conditional UPDATE says which. It is sent
outside every transaction, then noted. A clock that dies in between leaves the row at `sending`
until its lease is over; then it is sent again under the same id. So receivers get an event at least
once, and tell repeats by its id. One webhook has one delivery under way at most, and first attempts
go in the order of what happened; what failed comes when its wait is over.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from stemtide.hub.platform.egress.posts import Fate, Verdict
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.rules import Why
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

CLOCK = "clock"

OF_A_PARTY = 2
"""Deliveries to one party that are under way at once: it holds up nobody but itself."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that a clock has to itself. attempt: 1 for the first."""

    delivery: UUID
    attempt: int


def claim_due(now: datetime, *, limit: int) -> list[Taken]:
    """Take deliveries that are due, each by one clock alone; well-behaved receivers first."""
    busy = Delivery.objects.filter(state=WebhookDeliveryState.SENDING, next_at__gt=now)
    under_way = busy.order_by().values_list("webhook__party").annotate(Count("pk"))
    counts: dict[int, int] = dict(under_way)
    rows = _due(now).exclude(Exists(busy.filter(webhook=OuterRef("webhook"))))
    rows = rows.order_by("webhook__failures", "next_at", "pk")
    taken: list[Taken] = []
    hooks: set[int] = set()
    while len(taken) < limit:
        # One at a time: else what one party has waiting would fill all that is looked at, and a
        # party that makes much to wait, and answers at once, would go first at every tick.
        full = [party for party, count in counts.items() if count >= OF_A_PARTY]
        row = rows.exclude(webhook__party__in=full).exclude(webhook__in=hooks).first()
        if row is None:
            break
        hooks.add(row.webhook_id)
        if _take(row, now=now):
            taken.append(Taken(row.uid, row.attempts))
            party = row.webhook.party_id
            counts[party] = counts.get(party, 0) + 1
    return taken


def _due(now: datetime) -> QuerySet[Delivery]:
    """What may leave now: to webhooks that are active and do not rest; tests in any case."""
    is_open = Q(webhook__state=WebhookState.ACTIVE) & (
        Q(webhook__rest_until=None) | Q(webhook__rest_until__lte=now)
    )
    states = (*rules.WAITING, WebhookDeliveryState.SENDING)
    found = Delivery.objects.filter(state__in=states, next_at__lte=now)
    return found.filter(is_open | Q(kind=EventType.WEBHOOK_TEST)).select_related("webhook")


def _take(row: Delivery, *, now: datetime) -> bool:
    """Try to be the one that sends a delivery."""
    same = Delivery.objects.filter(
        pk=row.pk, state=row.state, attempts=row.attempts, next_at=row.next_at
    )
    row.attempts += 1
    return bool(
        same.update(
            state=WebhookDeliveryState.SENDING,
            attempts=row.attempts,
            next_at=now + rules.LEASE,
            tried_at=now,
        )
    )


@transaction.atomic
def note(taken: Taken, *, verdict: Verdict | None, chance: float, now: datetime) -> bool:
    """Write down what became of an attempt; False where another clock has taken it over.

    verdict: None where there was nothing left to tell, and nothing was sent.
    chance: spreads the waits, 0 ≤ chance < 1.
    """
    ledger.take_turn()
    same = Delivery.objects.filter(
        uid=taken.delivery, state=WebhookDeliveryState.SENDING, attempts=taken.attempt
    )
    row = same.select_related("webhook__party").first()
    if row is None:  # taken over, or its webhook was removed
        return False
    if verdict is None:
        row.state, row.said = WebhookDeliveryState.MOOT, "there was nothing left to tell"
    else:
        row.status, row.said = verdict.status, verdict.words[:300]
        if verdict.fate is Fate.SENT:
            _arrived(row, now=now)
        else:
            _failed(row, verdict, chance=chance, now=now)
    row.save()
    return True


def disable(row: Webhook, *, why: Why, now: datetime) -> None:
    """Give a webhook up, once; its party is alerted by the entry."""
    with transaction.atomic():
        ledger.take_turn()
        same = Webhook.objects.filter(pk=row.pk, state=WebhookState.ACTIVE)
        if not same.update(state=WebhookState.DISABLED, why=why):
            return
        waiting = Delivery.objects.filter(webhook=row, state__in=rules.WAITING)
        waiting.update(state=WebhookDeliveryState.STOPPED)
        _record("webhook.disabled", row, now=now, because=why.value)


def forget_old(now: datetime) -> int:
    """Throw away what the log has held long enough; how many rows."""
    count = 0
    for state, kept_for in rules.KEPT_FOR.items():
        old = Delivery.objects.filter(state=state, queued_at__lt=now - kept_for)
        count += old.delete()[0]
    return count


def _arrived(row: Delivery, *, now: datetime) -> None:
    """The receiver took it: it is well again."""
    row.state, row.sent_at = WebhookDeliveryState.SENT, now
    Webhook.objects.filter(pk=row.webhook_id).update(
        failures=0, failing_since=None, rest_until=None, last_sent_at=now
    )


def _failed(row: Delivery, verdict: Verdict, *, chance: float, now: datetime) -> None:
    """It did not arrive: it is tried again or is dead, and its webhook rests or is given up."""
    hook = row.webhook
    Webhook.objects.filter(pk=hook.pk).update(failures=F("failures") + 1)
    hook.refresh_from_db()
    asked = verdict.wait
    rest = max(rules.rest_after(hook.failures, chance=chance), asked) if asked else None
    hook.failing_since = hook.failing_since or now
    hook.rest_until = now + (rest or rules.rest_after(hook.failures, chance=chance))
    hook.save(update_fields=["failing_since", "rest_until"])
    if row.attempts >= rules.MAX_ATTEMPTS:
        row.state = WebhookDeliveryState.DEAD
        _record("webhook.exhausted", hook, now=now, event=row.kind)
    else:
        wait = rules.wait_before(row.attempts + 1, chance=chance)
        row.state, row.next_at = WebhookDeliveryState.FAILED, now + max(wait, asked or wait)
    if verdict.is_gone or now - hook.failing_since >= rules.FAILING_FOR:
        disable(hook, why=Why.GONE if verdict.is_gone else Why.FAILING, now=now)
        row.state = WebhookDeliveryState.STOPPED


def _record(kind: str, row: Webhook, *, now: datetime, **detail: object) -> None:
    """Append what the clock did to a webhook; its party is named, to be alerted."""
    ledger.append(
        kind,
        actor=CLOCK,
        subject=row.ref,
        now=now,
        detail={"parties": [row.party.name], **detail},
    )
