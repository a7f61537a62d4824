# SPDX-License-Identifier: Apache-2.0
"""Endpoints for webhooks: addresses of a party that are told what is new, and what became of it."""

from typing import Annotated
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.webhooks import reads, writes
from stemtide.protocol.webhook_messages import (
    WebhookChangeIn,
    WebhookDeliveriesOut,
    WebhookDeliveryOut,
    WebhookDeliveryState,
    WebhookIn,
    WebhookMadeOut,
    WebhookOut,
    WebhookSecretOut,
)
from stemtide.protocol.words import Scope

router = Router(tags=["webhooks"])

_Webhooks = RootModel[list[WebhookOut]]
_NEEDS = needs(Scope.WEBHOOKS_MANAGE)


@router.post("/webhooks", **_NEEDS, response={201: WebhookMadeOut}, operation_id="add_webhook")
def add(request: HttpRequest, body: WebhookIn) -> HttpResponse:
    """Register an https address. Its signing secret is in this answer, and in no other."""
    made = writes.add(body, by=caller_of(request), now=now(), loopback=settings.WEBHOOK_LOOPBACK)
    return answer(made, status=201)


@router.get("/webhooks", **_NEEDS, response=list[WebhookOut], operation_id="list_webhooks")
def read_all(request: HttpRequest) -> HttpResponse:
    """Your party's webhooks, the oldest first."""
    return answer(_Webhooks(reads.webhooks(viewer=caller_of(request).party)))


@router.get("/webhooks/{uid}", **_NEEDS, response=WebhookOut, operation_id="read_webhook")
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One webhook of your party."""
    return answer(reads.webhook(uid, viewer=caller_of(request).party))


@router.patch("/webhooks/{uid}", **_NEEDS, response=WebhookOut, operation_id="change_webhook")
def change(request: HttpRequest, uid: UUID, body: WebhookChangeIn) -> HttpResponse:
    """Change what it is told, pause or resume it. Your key looks after it from now on."""
    return answer(writes.change(uid, body=body, by=caller_of(request), now=now()))


@router.delete("/webhooks/{uid}", **_NEEDS, response={204: None}, operation_id="remove_webhook")
def remove(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Take it away, with its log; what is on its way is not delivered any more."""
    writes.remove(uid, by=caller_of(request), now=now())
    return HttpResponse(status=204)


@router.post(
    "/webhooks/{uid}/test",
    **_NEEDS,
    response={202: WebhookDeliveryOut},
    operation_id="try_webhook",
)
def try_it(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Send it, and no other, a `webhook.test`; also while it is paused or disabled."""
    return answer(writes.try_it(uid, by=caller_of(request), now=now()), status=202)


@router.post(
    "/webhooks/{uid}/secret",
    **_NEEDS,
    response=WebhookSecretOut,
    operation_id="renew_webhook_secret",
)
def renew(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Give it a new signing secret, shown this once; the one before signs beside it for a day."""
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
    """Its delivery log, the latest first: what arrived, what waits, what was given up and why."""
    viewer = caller_of(request).party
    return answer(reads.deliveries(uid, viewer=viewer, state=state, before=before, limit=limit))


@router.post(
    "/webhooks/{uid}/deliveries/{delivery}/again",
    **_NEEDS,
    response={202: WebhookDeliveryOut},
    operation_id="retry_webhook_delivery",
)
def again(request: HttpRequest, uid: UUID, delivery: UUID) -> HttpResponse:
    """Try what is dead or stopped again, from its first attempt, under the same id."""
    return answer(writes.again(uid, delivery, by=caller_of(request), now=now()), status=202)
