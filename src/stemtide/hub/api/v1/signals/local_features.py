# SPDX-License-Identifier: Apache-2.0
"""Endpoints for local features: send and remove them, and read them for an agent."""

from typing import Annotated
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.local_features import reads, writes
from stemtide.hub.rooms.media.keys import keys_in
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.local_features import (
    MAX_LOCAL_PAGE,
    LocalFeaturesIn,
    LocalFeaturesOut,
    LocalPage,
)

router = Router(tags=["signals"])

_MAX_NUMBER = 2**63 - 1


@router.put(
    "/signals/{uid}/local-features",
    **requires(Scope.SIGNALS_WRITE),
    response=LocalFeaturesOut,
    operation_id="send_local_features",
)
def send(request: HttpRequest, uid: UUID, body: LocalFeaturesIn) -> HttpResponse:
    """Send local features of the picture behind a pdq signal of your party, or replace them.

    They show more of the picture than its hash. Agents of providers that may see the signal get
    them if they look uploads up by them.
    """
    by = caller_of(request).actor
    keys = keys_in(settings.MEDIA_KEY_FILE)
    return answer(writes.send(uid, body=body, by=by, now=now(), keys=keys))


@router.delete(
    "/signals/{uid}/local-features",
    **requires(Scope.SIGNALS_WRITE),
    response=LocalFeaturesOut,
    operation_id="remove_local_features",
)
def remove(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Remove the local features of a signal, as their sender or as an agency. The signal stays."""
    return answer(writes.remove(uid, by=caller_of(request).actor, now=now()))


@router.get(
    "/local-features",
    **requires(Scope.FEED_READ),
    response=LocalPage,
    operation_id="list_local_features",
)
def read_page(
    request: HttpRequest,
    *,
    after: Annotated[int, Query(ge=0, le=_MAX_NUMBER)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LOCAL_PAGE)] = MAX_LOCAL_PAGE,
    exercise: bool = False,
) -> HttpResponse:
    """List local features of live signals that your party may see, the earliest first.

    Providers only. exercise=1 includes those of exercise signals.
    """
    viewer, keys = caller_of(request).party, keys_in(settings.MEDIA_KEY_FILE)
    return answer(reads.page(after=after, limit=limit, exercise=exercise, viewer=viewer, keys=keys))
