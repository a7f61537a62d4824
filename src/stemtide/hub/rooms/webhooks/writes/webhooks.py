# SPDX-License-Identifier: Apache-2.0
"""Write webhooks: register, change, renew the secret, test, retry, remove.

Machines register webhooks with their key; people name a key of their party: decision 0126.
"""

import threading
from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.egress.addresses import (
    AddressNotAllowedError,
    UnknownHostError,
    check_url,
    resolve,
)
from stemtide.egress.posts import reach_of
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.permissions import check_may_manage_webhooks
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ApiKey, Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor, Caller
from stemtide.hub.rooms.signals.rules.signals import RateLimitError
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.reads import webhooks as reads
from stemtide.hub.rooms.webhooks.writes.events import FOLLOWER
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.webhooks import (
    EventType,
    WebhookChangeIn,
    WebhookDeliveryOut,
    WebhookDeliveryState,
    WebhookIn,
    WebhookMadeOut,
    WebhookOut,
    WebhookSecretOut,
    WebhookState,
)

_LOOK_UPS = threading.BoundedSemaphore(4)
"""Limits concurrent DNS look-ups, so that a slow name server cannot block more requests."""

_PORTS = {"http": 80, "https": 443}

CallerOrActor: TypeAlias = Caller | Actor
"""Manages a webhook: a machine with its key, or a person who signed in."""


def add(
    body: WebhookIn, *, by: CallerOrActor, now: datetime, loopback: bool, prefix: str = ""
) -> WebhookMadeOut:
    """Register an address. loopback: whether it may be on this machine: demos and tests.

    prefix: of the key that manages it; a machine's own key always does.

    raises: InvalidError naming the field; NotAllowedError; ConflictError; RateLimitError.
    """
    _check_may_manage(by)
    _managing_key(body, by=by, prefix=prefix, now=now)
    rules.check_quota(_count(by.party))  # before the DNS look-up, and again under the lock
    _check_target(body.url, loopback=loopback)
    return _add(body, by=by, prefix=prefix, now=now)


@transaction.atomic
def _add(body: WebhookIn, *, by: CallerOrActor, prefix: str, now: datetime) -> WebhookMadeOut:
    """Register an address that was checked."""
    ledger.lock_ledger()
    rules.check_quota(_count(by.party))
    row = Webhook.objects.create(
        uid=uuid4(),
        party=by.party,
        key=_managing_key(body, by=by, prefix=prefix, now=now),
        url=body.url,
        event_types=list(dict.fromkeys(body.event_types)),
        exercise=body.exercise,
        state=WebhookState.ACTIVE,
        made_at=now,
        since=_from_now_on(),
    )
    _record("webhook.added", row, by=by, now=now)
    (secret, *_) = reads.secrets(row, now=now)
    description = reads.describe(row)
    return WebhookMadeOut(**description.model_dump(), secret=secret)


@transaction.atomic
def change(uid: UUID, *, body: WebhookChangeIn, by: CallerOrActor, now: datetime) -> WebhookOut:
    """Change event types, pause or resume; a key that does so becomes the webhook's key.

    Events from while it was paused or disabled are not sent: the feed has them.

    raises: NotFoundError, NotAllowedError; InvalidError naming the field; ConflictError if a person
            would leave it with a key that has ended.
    """
    _check_may_manage(by)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    types = row.event_types if body.event_types is None else body.event_types
    row.key = _new_key(row, by=by, now=now)
    rules.check_types(types, scopes=frozenset(Scope(scope) for scope in row.key.scopes))
    row.event_types = list(dict.fromkeys(types))
    row.exercise = row.exercise if body.exercise is None else body.exercise
    kind = "webhook.changed"
    if body.state == "paused" and row.state == WebhookState.ACTIVE:
        kind, row.state = "webhook.paused", WebhookState.PAUSED
    elif body.state == "active" and row.state != WebhookState.ACTIVE:
        kind, row.since = "webhook.resumed", _from_now_on()
        row.state, row.why = WebhookState.ACTIVE, ""
        row.failures, row.failing_since, row.rest_until = 0, None, None
    row.save()
    if kind == "webhook.paused":
        _stop(row)
    _record(kind, row, by=by, now=now)
    return reads.webhook(uid, viewer=by.party)


@transaction.atomic
def renew(uid: UUID, *, by: CallerOrActor, now: datetime) -> WebhookSecretOut:
    """Give a webhook a new signing secret; earlier ones sign beside it for a day.

    All earlier ones: after two renewals in a row, the receiver may only know the first secret.

    raises: NotFoundError, NotAllowedError; ConflictError if too many are valid already.
    """
    _check_may_manage(by)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.oldest = rules.oldest_signing(
        row.generation, oldest=row.oldest, until=row.old_until, now=now
    )
    rules.check_renewal(row.generation + 1 - row.oldest, until=row.old_until)
    row.generation += 1
    row.old_until = now + rules.OVERLAP
    row.key = _key(by) if isinstance(by, Caller) else row.key
    row.save(update_fields=["generation", "oldest", "old_until", "key"])
    _record("webhook.renewed", row, by=by, now=now)
    (secret, *_) = reads.secrets(row, now=now)
    return WebhookSecretOut(id=row.uid, secret=secret, both_until=row.old_until)


@transaction.atomic
def remove(uid: UUID, *, by: CallerOrActor, now: datetime) -> None:
    """Remove a webhook with its log and its waiting deliveries.

    raises: NotFoundError, NotAllowedError.
    """
    _check_may_manage(by)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    _record("webhook.removed", row, by=by, now=now)
    row.delete()


@transaction.atomic
def send_test(uid: UUID, *, by: CallerOrActor, now: datetime) -> WebhookDeliveryOut:
    """Send a test event to one webhook, even if it is not active.

    raises: NotFoundError, NotAllowedError; ConflictError if too many tests are waiting.
    """
    _check_may_manage(by)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    tests = Delivery.objects.filter(webhook=row, kind=EventType.WEBHOOK_TEST)
    states = (*rules.WAITING, WebhookDeliveryState.SENDING)
    rules.check_test(tests.filter(state__in=states).count())
    delivery = Delivery.objects.create(
        uid=uuid4(),
        webhook=row,
        kind=EventType.WEBHOOK_TEST,
        state=WebhookDeliveryState.QUEUED,
        happened_at=now,
        queued_at=now,
        next_at=now,
    )
    _record("webhook.tested", row, by=by, now=now)
    return reads.describe_delivery(delivery)


@transaction.atomic
def retry(uid: UUID, delivery: UUID, *, by: CallerOrActor, now: datetime) -> WebhookDeliveryOut:
    """Retry a delivery that was given up, from its first attempt, under its old id.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    _check_may_manage(by)
    ledger.lock_ledger()
    hook = reads.find(uid, viewer=by.party)
    row = reads.find_delivery(delivery, webhook=hook)
    rules.check_retry(WebhookDeliveryState(row.state), webhook=WebhookState(hook.state))
    # Failed and not queued: an event that was sent before must not grow.
    row.state, row.attempts, row.next_at = WebhookDeliveryState.FAILED, 0, now
    row.save(update_fields=["state", "attempts", "next_at"])
    _record("webhook.retried", hook, by=by, now=now)
    return reads.describe_delivery(row)


def _stop(row: Webhook) -> None:
    """Cancel deliveries that are still queued."""
    waiting = Delivery.objects.filter(webhook=row, state__in=rules.WAITING)
    waiting.update(state=WebhookDeliveryState.STOPPED)


def _check_target(url: str, *, loopback: bool) -> None:
    """Refuse an address that the hub may not reach; it is checked again at each delivery.

    raises: InvalidError; RateLimitError.
    """
    reach = reach_of(loopback=loopback)
    if not _LOOK_UPS.acquire(blocking=False):
        raise RateLimitError(
            "the hub looks up other addresses: try again in a few seconds", retry_after_s=2
        )
    try:
        parts = urlsplit(check_url(url, reach=reach))
        port = parts.port or _PORTS[parts.scheme]
        resolve(parts.hostname or "", port, scheme=parts.scheme, reach=reach)
    except AddressNotAllowedError as error:
        raise InvalidError("url", "{why}", why=str(error)) from error
    except UnknownHostError as error:
        raise InvalidError(
            "url", "its host name cannot be resolved: check it, or try again later"
        ) from error
    finally:
        _LOOK_UPS.release()


def _from_now_on() -> int:
    """Return the head of the ledger, before which no event is sent. The caller holds the lock.

    Without active webhooks the ledger is not read: the first active one skips to the head.
    """
    head = ledger_reads.heads().entries
    if not Webhook.objects.filter(state=WebhookState.ACTIVE).exists():
        FOLLOWER.skip_to(head)
    return head


def _count(party: Party) -> int:
    """Return the number of a party's webhooks."""
    return Webhook.objects.filter(party=party).count()


def _key(by: Caller) -> ApiKey:
    """Return the row of the calling key."""
    return ApiKey.objects.get(prefix=by.key)


def _managing_key(body: WebhookIn, *, by: CallerOrActor, prefix: str, now: datetime) -> ApiKey:
    """Return the key for a new webhook, which may read all that the webhook asks for.

    raises: InvalidError for a key that is not the party's, or has ended; NotAllowedError.
    """
    key = (
        _key(by) if isinstance(by, Caller) else parties.valid_key(prefix, viewer=by.party, now=now)
    )
    rules.check_types(body.event_types, scopes=frozenset(Scope(scope) for scope in key.scopes))
    return key


def _check_may_manage(by: CallerOrActor) -> None:
    """Refuse people whose role may not manage webhooks. raises: NotAllowedError."""
    check_may_manage_webhooks(by.role if isinstance(by, Actor) else None)


def _new_key(row: Webhook, *, by: CallerOrActor, now: datetime) -> ApiKey:
    """Return the key that a webhook has from now on. raises: ConflictError."""
    if isinstance(by, Caller):
        return _key(by)
    rules.check_key(revoked_at=row.key.revoked_at, expires_at=row.key.expires_at, now=now)
    return row.key


def _record(kind: str, row: Webhook, *, by: CallerOrActor, now: datetime) -> None:
    """Append an act on a webhook to the ledger, without its address."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now)
