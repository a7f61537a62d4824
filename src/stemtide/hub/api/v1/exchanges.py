# SPDX-License-Identifier: Apache-2.0
"""Endpoints for exchanges: status, log, pause and resume.

They are added and removed on the hub's own machine only: decision 0073.
"""

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.interop.exchanges import ExchangeLineOut, ExchangeOut
from stemtide.protocol.enums import Scope

router = Router(tags=["exchanges"])

_Exchanges = RootModel[list[ExchangeOut]]
_Lines = RootModel[list[ExchangeLineOut]]


@router.get(
    "/exchanges",
    **requires(Scope.FEED_READ),
    response=list[ExchangeOut],
    operation_id="list_exchanges",
)
def read_all(request: HttpRequest) -> HttpResponse:
    """List exchanges with other hubs and their status, for parties that coordinate."""
    return answer(_Exchanges(reads.exchanges(viewer=caller_of(request).party)))


@router.get(
    "/exchanges/{name}",
    **requires(Scope.FEED_READ),
    response=ExchangeOut,
    operation_id="read_exchange",
)
def read(request: HttpRequest, name: str) -> HttpResponse:
    """Retrieve an exchange."""
    return answer(reads.exchange(name, viewer=caller_of(request).party))


@router.get(
    "/exchanges/{name}/log",
    **requires(Scope.FEED_READ),
    response=list[ExchangeLineOut],
    operation_id="read_exchange_log",
)
def read_log(request: HttpRequest, name: str) -> HttpResponse:
    """List an exchange's log, latest first; at most 200 lines."""
    return answer(_Lines(reads.log(name, viewer=caller_of(request).party)))


@router.post(
    "/exchanges/{name}/pause",
    **requires(Scope.SIGNALS_WRITE),
    response=ExchangeOut,
    operation_id="pause_exchange",
)
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Pause an exchange, as an agency. Signals that it brought stay."""
    by = caller_of(request).actor
    return answer(writes.pause(name, actor=by.ref, by=by, now=now()))


@router.post(
    "/exchanges/{name}/resume",
    **requires(Scope.SIGNALS_WRITE),
    response=ExchangeOut,
    operation_id="resume_exchange",
)
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Resume an exchange, as an agency, from where it stopped."""
    by = caller_of(request).actor
    return answer(writes.resume(name, actor=by.ref, by=by, now=now()))
