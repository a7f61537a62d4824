# SPDX-License-Identifier: Apache-2.0
"""Write deliveries: claim due ones, record results, retry, drop; rotate secrets.

A delivery is a job (platform/jobs.py): receivers get it at least once, and detect repeats by its
id, which is the same at every attempt.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.jobs import claim
from stemtide.hub.rooms.alerts.channels.channel import OutgoingAlert, PostOutcome, Result
from stemtide.hub.rooms.alerts.models import Delivery, SigningKey
from stemtide.hub.rooms.alerts.reads import deliveries
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import UNSETTLED, AlertState, Channel, DeliveryState
from stemtide.hub.rooms.alerts.rules.kinds import REACHES_SUSPENDED
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ContactPoint
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import PartyKind, Standing

OPERATOR = "operator"


@needs_no_entry("it is a lease; the outcome of the delivery is recorded")
def claim_due(now: datetime, *, limit: int, home: Home) -> list[OutgoingAlert]:
    """Claim due deliveries, the most urgent first, each for one scheduler only.

    A party's webhooks are sent one after the other: a slow receiver delays only itself. What waits
    for a suspended party is kept until the suspension is lifted, but for what it is owed.
    """
    due = Delivery.objects.filter(
        Q(alert__kind__in=REACHES_SUSPENDED) | ~Q(alert__party__standing=Standing.SUSPENDED),
        state__in=(*rules.WAITING, DeliveryState.SENDING),
        next_at__lte=now,
    )
    busy = Delivery.objects.filter(
        alert__party=OuterRef("alert__party"),
        channel=Channel.WEBHOOK,
        state=DeliveryState.SENDING,
        next_at__gt=now,
    )
    rows = due.exclude(Q(channel=Channel.WEBHOOK) & Exists(busy)).select_related(
        "alert__party", "alert__crisis", "point", "person"
    )
    outgoing_alerts: list[OutgoingAlert] = []
    parties: set[int] = set()
    for row in rows.order_by("rank", "next_at", "pk")[: limit * 4]:
        is_webhook = row.channel == Channel.WEBHOOK
        if len(outgoing_alerts) == limit or (is_webhook and row.alert.party_id in parties):
            continue
        if claim(row, until=now + rules.LEASE, state=DeliveryState.SENDING):
            outgoing_alerts.append(deliveries.outgoing(row, home=home, now=now))
            parties |= {row.alert.party_id} if is_webhook else set()
    return outgoing_alerts


@needs_no_lock("one conditional update decides, and only its winner appends")
@transaction.atomic
def note(outgoing: OutgoingAlert, *, result: Result, jitter: float, now: datetime) -> bool:
    """Record the result of an attempt; return False if another scheduler has taken it over.

    jitter: spreads the wait before the next attempt, 0 ≤ jitter < 1.
    """
    claimed = Delivery.objects.filter(
        uid=outgoing.delivery, state=DeliveryState.SENDING, attempts=outgoing.attempt
    )
    if result.fate is PostOutcome.SENT:
        proof = result.proof[:300]
        won = claimed.update(state=DeliveryState.SENT, sent_at=now, last_error="", proof=proof)
    elif result.fate is PostOutcome.REFUSED or outgoing.attempt >= rules.MAX_ATTEMPTS:
        won = claimed.update(state=DeliveryState.DEAD, last_error=_words(result))
    else:
        wait = rules.wait_after(outgoing.attempt, jitter=jitter)
        due = now + max(wait, result.wait or wait)  # what the receiver asks for, if it is longer
        won = claimed.update(state=DeliveryState.FAILED, next_at=due, last_error=_words(result))
    if won:
        _record(deliveries.find(outgoing.delivery, viewer=None), now=now)
    return bool(won)


@transaction.atomic
def retry(uid: UUID, *, by: Actor | None, now: datetime) -> Delivery:
    """Queue a dead delivery again, from its first attempt. by: None for the operator.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = _resolved(uid, by=by)
    rules.check_retry(DeliveryState(row.state), alert=AlertState(row.alert.state))
    row.state, row.attempts, row.next_at = DeliveryState.QUEUED, 0, now
    row.save(update_fields=["state", "attempts", "next_at"])
    _append("delivery.retried", row, by=by, now=now)
    return row


@transaction.atomic
def drop(uid: UUID, *, reason: str, by: Actor | None, now: datetime) -> Delivery:
    """Give up a dead delivery, with a reason. by: None for the operator.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    row = _resolved(uid, by=by)
    rules.check_drop(DeliveryState(row.state), reason=reason)
    row.state, row.drop_reason = DeliveryState.DROPPED, reason.strip()
    row.save(update_fields=["state", "drop_reason"])
    _append("delivery.dropped", row, by=by, now=now)
    return row


@transaction.atomic
def rotate_secret(point: ContactPoint, *, actor: str, now: datetime) -> tuple[str, ...]:
    """Give a contact point a new signing secret; earlier ones sign beside it for a day.

    All earlier ones: after two rotations in a row, the receiver may only know the first secret.

    raises: ConflictError if too many are valid already.
    """
    ledger.lock_ledger()
    rows = SigningKey.objects.filter(point=point)
    unretired = rows.filter(retires_at__gt=now)
    last = unretired.order_by("-retires_at").first()
    rules.check_rotation(1 + unretired.count(), until=last.retires_at if last else None)
    latest = rows.order_by("-generation").first()
    ends_at = now + rules.OVERLAP
    if latest is None:
        SigningKey.objects.create(point=point, generation=1, made_at=now, retires_at=ends_at)
    else:
        unretired.update(retires_at=ends_at)
        rows.filter(pk=latest.pk).update(retires_at=ends_at)
    generation = latest.generation + 1 if latest else 2
    SigningKey.objects.create(point=point, generation=generation, made_at=now)
    detail: dict[str, object] = {"generation": generation}
    ledger.append(
        "signing_key.rotated", actor=actor, subject=point.party.ref, now=now, detail=detail
    )
    return deliveries.secrets(point, now=now)


def _resolved(uid: UUID, *, by: Actor | None) -> "Delivery":
    """Return a delivery that the caller may retry or drop.

    raises: NotFoundError, NotAllowedError.
    """
    row = deliveries.find(uid, viewer=by.party if by else None)
    if by is not None:
        is_own = row.alert.party_id == by.party.pk
        rules.check_resolve(kind=PartyKind(by.kind), role=by.role, is_own=is_own)
    return row


def _record(row: Delivery, *, now: datetime) -> None:
    """Append final results to the ledger; a failure that will be retried stays in its row.

    A delivery that arrives or fails after its alert was settled is settled with it.
    """
    if row.state == DeliveryState.SENT and row.channel != Channel.PAGE:
        _append("delivery.arrived", row, by=None, now=now, actor=CLOCK)
    elif row.state == DeliveryState.DEAD:
        _append("delivery.exhausted", row, by=None, now=now, actor=CLOCK)
    if row.state == DeliveryState.SENT and row.alert.state == AlertState.ACKNOWLEDGED:
        row.state = DeliveryState.ACKNOWLEDGED
        row.save(update_fields=["state"])
    elif (
        row.state == DeliveryState.FAILED
        and row.alert.state not in UNSETTLED
        and row.person is None
    ):
        row.state = DeliveryState.STOPPED
        row.save(update_fields=["state"])


def _append(
    kind: str, row: Delivery, *, by: Actor | None, now: datetime, actor: str = OPERATOR
) -> None:
    """Append an act on a delivery to the ledger."""
    detail: dict[str, object] = {
        "party": row.alert.party.ref,
        "channel": row.channel,
        "attempts": row.attempts,
    }
    ledger.append_by(
        kind,
        by=by,
        otherwise=actor,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.alert.exercise,
    )


def _words(result: Result) -> str:
    """Return the problem, cut to the length of its column."""
    return result.words[:300]
