# SPDX-License-Identifier: Apache-2.0
"""Endpoints for exchanges: status, log, pause, resume, and the withdrawal of all they brought.

They are added and removed on the hub's own machine only: decision 0073.
"""

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.exchanges.reads import exchanges as reads, withdrawals as brought_reads
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, withdrawals
from stemtide.interop.exchanges import (
    BroughtOut,
    ExchangeLineOut,
    ExchangeOut,
    WithdrawAllIn,
    WithdrawalOut,
)
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


@router.get(
    "/exchanges/{name}/brought",
    **requires(Scope.FEED_READ),
    response=BroughtOut,
    operation_id="read_brought",
)
def read_brought(request: HttpRequest, name: str) -> HttpResponse:
    """Count the live signals that an exchange brought, and retrieve their last withdrawal."""
    viewer = caller_of(request).party
    return answer(brought_reads.brought(name, viewer=viewer, now=now()))


@router.post(
    "/exchanges/{name}/withdraw",
    **requires(Scope.SIGNALS_WRITE),
    response=WithdrawalOut,
    operation_id="withdraw_brought",
)
def withdraw_all(request: HttpRequest, name: str, body: WithdrawAllIn) -> HttpResponse:
    """Pause an exchange and begin to withdraw every signal that it brought, as an agency.

    Beyond the withdrawals of a day, each waits for a second person.
    """
    by = caller_of(request).actor
    return answer(withdrawals.begin(name, body=body, by=by, now=now()))


@router.post(
    "/exchanges/{name}/restore",
    **requires(Scope.SIGNALS_WRITE),
    response=WithdrawalOut,
    operation_id="restore_brought",
)
def restore(request: HttpRequest, name: str) -> HttpResponse:
    """Begin to share again what the last withdrawal of all withdrew, as an agency."""
    by = caller_of(request).actor
    return answer(withdrawals.restore(name, by=by, now=now()))
