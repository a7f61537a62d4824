# SPDX-License-Identifier: Apache-2.0
"""Read a party's webhooks, their delivery logs, and their signing secrets."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.protocol.messages.webhooks import (
    EventType,
    WebhookDeliveriesOut,
    WebhookDeliveryOut,
    WebhookDeliveryState,
    WebhookOut,
    WebhookState,
)
from stemtide.protocol.webhook_headers import derived_secret

MAX_PAGE = 200
"""Deliveries in one page of the log."""

_ON_ITS_WAY = (*rules.WAITING, WebhookDeliveryState.SENDING)


def webhooks(*, viewer: Party) -> list[WebhookOut]:
    """Return a party's webhooks, the oldest first."""
    return [describe(row) for row in _counted(Webhook.objects.filter(party=viewer))]


def webhook(uid: UUID, *, viewer: Party) -> WebhookOut:
    """Return one webhook.

    raises: NotFoundError, also for another party's.
    """
    return describe(find(uid, viewer=viewer))


def find(uid: UUID, *, viewer: Party) -> Webhook:
    """Return the row of a webhook with its counts, for writes.

    raises: NotFoundError, also for another party's.
    """
    row = _counted(Webhook.objects.filter(party=viewer, uid=uid)).first()
    if row is None:
        raise NotFoundError("your party has no webhook {uid}: see your list of webhooks", uid=uid)
    return row


@needs_no_viewer("find() has checked access to the row")
def find_delivery(uid: UUID, *, webhook: Webhook) -> Delivery:
    """Return the row of a delivery to a webhook.

    raises: NotFoundError.
    """
    row = Delivery.objects.filter(webhook=webhook, uid=uid).first()
    if row is None:
        raise NotFoundError(
            "this webhook has no delivery {uid}: see its list of deliveries", uid=uid
        )
    return row


def deliveries(
    uid: UUID,
    *,
    viewer: Party,
    state: WebhookDeliveryState | None = None,
    before: UUID | None = None,
    limit: int = MAX_PAGE,
) -> WebhookDeliveriesOut:
    """Return a page of a webhook's delivery log, latest first. before: last id of the page before.

    raises: NotFoundError.
    """
    row = find(uid, viewer=viewer)
    matching = Delivery.objects.filter(webhook=row)
    if before is not None:
        matching = matching.filter(pk__lt=find_delivery(before, webhook=row).pk)
    if state is not None:
        matching = matching.filter(state=state)
    size = max(1, min(limit, MAX_PAGE))
    rows = list(matching[: size + 1])
    page = [describe_delivery(delivery) for delivery in rows[:size]]
    return WebhookDeliveriesOut(
        deliveries=page, next=page[-1].id if len(rows) > size and page else None
    )


def describe_delivery(row: Delivery) -> WebhookDeliveryOut:
    """Return a delivery in its wire format."""
    state = WebhookDeliveryState(row.state)
    return WebhookDeliveryOut(
        id=row.uid,
        type=EventType(row.kind),
        exercise=row.exercise,
        count=len(row.subjects) + row.more,
        state=state,
        attempts=row.attempts,
        happened_at=row.happened_at,
        queued_at=row.queued_at,
        tried_at=row.tried_at,
        next_at=row.next_at if state in rules.WAITING else None,
        sent_at=row.sent_at,
        status=row.status,
        said=row.said,
    )


def secrets(row: Webhook, *, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign for a webhook now, the latest first, as "whsec_…".

    They are derived from the hub's own secret and never stored, so a copy of the database cannot
    sign. While the hub knows its old secret, secrets derived from that sign as well.
    """
    oldest = rules.oldest_signing(row.generation, oldest=row.oldest, until=row.old_until, now=now)
    roots = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return tuple(
        derived_secret(root, f"stemtide.webhooks.signing:{row.uid}:{generation}")
        for generation in range(row.generation, oldest - 1, -1)
        for root in roots
    )


def _counted(rows: QuerySet[Webhook]) -> QuerySet[Webhook]:
    """Annotate webhooks with their key, and the numbers of waiting and dead deliveries."""
    dead = Q(deliveries__state=WebhookDeliveryState.DEAD)
    return rows.select_related("party", "key").annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state__in=_ON_ITS_WAY)),
        dead=Count("deliveries", filter=dead),
    )


def describe(row: Webhook) -> WebhookOut:
    """Return a webhook, which was read with its counts, in its wire format."""
    return WebhookOut(
        id=row.uid,
        url=row.url,
        event_types=row.event_types,
        exercise=row.exercise,
        state=WebhookState(row.state),
        reason=rules.REASONS[rules.DisableReason(row.why)] if row.why else "",
        key=row.key.prefix,
        made_at=row.made_at,
        failing_since=row.failing_since,
        last_sent_at=row.last_sent_at,
        waiting=getattr(row, "waiting", 0),
        dead=getattr(row, "dead", 0),
    )
