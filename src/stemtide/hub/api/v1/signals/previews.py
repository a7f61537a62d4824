# SPDX-License-Identifier: Apache-2.0
"""Endpoints for previews: upload, list and destroy. Programs cannot view them."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.media import reads, writes
from stemtide.hub.rooms.media.keys import keys_in
from stemtide.hub.rooms.retention.reads.rows import held_ids
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums import Scope
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.previews import PreviewIn, PreviewOut

router = Router(tags=["previews"])

_Previews = RootModel[list[PreviewOut]]


@router.post(
    "/signals/{uid}/preview",
    **requires(Scope.SIGNALS_WRITE),
    response={201: PreviewOut},
    operation_id="send_preview",
)
def send(request: HttpRequest, uid: UUID, body: PreviewIn) -> HttpResponse:
    """Upload a small still or a short excerpt of a signal that your party shared in a crisis.

    The hub re-encodes the still, stores it encrypted, and destroys it on its date.
    """
    sent = writes.add(
        uid,
        body=body,
        by=caller_of(request).actor,
        now=now(),
        keys=keys_in(settings.MEDIA_KEY_FILE),
        most=hub_settings.longest_preview(),
    )
    return answer(sent, status=201)


@router.get(
    "/signals/{uid}/previews",
    **requires(Scope.FEED_READ),
    response=list[PreviewOut],
    operation_id="list_previews",
)
def read_all(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List the previews of a signal, including destroyed ones, without their content."""
    viewer = caller_of(request).party
    signals.find(uid, viewer=viewer)
    return answer(_Previews(reads.previews(uid, viewer=viewer)))


@router.post(
    "/previews/{uid}/destroy",
    **requires(Scope.SIGNALS_WRITE),
    response=PreviewOut,
    operation_id="destroy_preview",
)
def destroy(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Destroy a preview before its date, as its sender or as an agency."""
    at = now()
    on_hold = held_ids(RowClass.PREVIEW, now=at)
    return answer(writes.destroy(uid, by=caller_of(request).actor, now=at, on_hold=on_hold))
