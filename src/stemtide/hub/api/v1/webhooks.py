# SPDX-License-Identifier: Apache-2.0
"""Endpoints for webhooks: registration, changes, secrets, delivery log."""

from typing import Annotated
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.webhooks.reads import webhooks as reads
from stemtide.hub.rooms.webhooks.writes import webhooks as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.webhooks import (
    WebhookChangeIn,
    WebhookDeliveriesOut,
    WebhookDeliveryOut,
    WebhookDeliveryState,
    WebhookIn,
    WebhookMadeOut,
    WebhookOut,
    WebhookSecretOut,
)

router = Router(tags=["webhooks"])

_Webhooks = RootModel[list[WebhookOut]]
_NEEDS = requires(Scope.WEBHOOKS_MANAGE)


@router.post("/webhooks", **_NEEDS, response={201: WebhookMadeOut}, operation_id="add_webhook")
def add(request: HttpRequest, body: WebhookIn) -> HttpResponse:
    """Register an https URL. The signing secret is only shown in this response."""
    webhook = writes.add(body, by=caller_of(request), now=now(), loopback=settings.WEBHOOK_LOOPBACK)
    return answer(webhook, status=201)


@router.get("/webhooks", **_NEEDS, response=list[WebhookOut], operation_id="list_webhooks")
def read_all(request: HttpRequest) -> HttpResponse:
    """List your party's webhooks, oldest first."""
    return answer(_Webhooks(reads.webhooks(viewer=caller_of(request).party)))


@router.get("/webhooks/{uid}", **_NEEDS, response=WebhookOut, operation_id="read_webhook")
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a webhook of your party."""
    return answer(reads.webhook(uid, viewer=caller_of(request).party))


@router.patch("/webhooks/{uid}", **_NEEDS, response=WebhookOut, operation_id="change_webhook")
def change(request: HttpRequest, uid: UUID, body: WebhookChangeIn) -> HttpResponse:
    """Change the events of a webhook, pause or resume it. It is managed by your key from now on."""
    return answer(writes.change(uid, body=body, by=caller_of(request), now=now()))


@router.delete("/webhooks/{uid}", **_NEEDS, response={204: None}, operation_id="remove_webhook")
def remove(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Delete a webhook and its log. Queued events are not delivered."""
    writes.remove(uid, by=caller_of(request), now=now())
    return HttpResponse(status=204)


@router.post(
    "/webhooks/{uid}/test",
    **_NEEDS,
    response={202: WebhookDeliveryOut},
    operation_id="try_webhook",
)
def try_it(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Send a `webhook.test` event to this webhook only, also while it is paused or disabled."""
    return answer(writes.send_test(uid, by=caller_of(request), now=now()), status=202)


@router.post(
    "/webhooks/{uid}/secret",
    **_NEEDS,
    response=WebhookSecretOut,
    operation_id="renew_webhook_secret",
)
def renew(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Create a new signing secret, shown only once. The old one also signs for another day."""
    return answer(writes.renew(uid, by=caller_of(request), now=now()))


@router.get(
    "/webhooks/{uid}/deliveries",
    **_NEEDS,
    response=WebhookDeliveriesOut,
    operation_id="list_webhook_deliveries",
)
def deliveries(
    request: HttpRequest,
    uid: UUID,
    *,
    state: WebhookDeliveryState | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = 50,
) -> HttpResponse:
    """List a webhook's deliveries, latest first: sent, queued, and given up with the reason."""
    viewer = caller_of(request).party
    return answer(reads.deliveries(uid, viewer=viewer, state=state, before=before, limit=limit))


@router.post(
    "/webhooks/{uid}/deliveries/{delivery}/again",
    **_NEEDS,
    response={202: WebhookDeliveryOut},
    operation_id="retry_webhook_delivery",
)
def again(request: HttpRequest, uid: UUID, delivery: UUID) -> HttpResponse:
    """Retry a dead or stopped delivery from its first attempt, under the same id."""
    return answer(writes.retry(uid, delivery, by=caller_of(request), now=now()), status=202)
