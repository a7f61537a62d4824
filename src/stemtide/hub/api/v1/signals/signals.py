# SPDX-License-Identifier: Apache-2.0
"""Endpoints for signals: share, read, withdraw, give an opinion."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import SCHEMAS, requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import CSV, JSON, JSON_LINES, answer, read_bulk
from stemtide.hub.api.bulks import reading_alone
from stemtide.hub.api.problems import refused_bulk
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.reads.sharing import bulk
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError
from stemtide.hub.rooms.signals.writes import bulks, signals as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.signals import (
    BulkCheckOut,
    BulkOut,
    OpinionIn,
    SharedSignal,
    SignalIn,
    SignalOut,
    WithdrawIn,
)

router = Router(tags=["signals"])

_BULK_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": f"{SCHEMAS}BulkIn"}},
        JSON_LINES: {"schema": {"$ref": f"{SCHEMAS}SignalIn"}},
        CSV: {"schema": {"type": "string"}},
    },
}


@router.post(
    "/signals",
    **requires(Scope.SIGNALS_WRITE),
    response={201: SharedSignal, 200: SharedSignal},
    operation_id="share_signal",
)
def share(request: HttpRequest, body: SignalIn) -> HttpResponse:
    """Share a signal. Responds 201, or 200 if your party already shares it."""
    caller = caller_of(request)
    shared = writes.share(body, by=caller.party, now=now(), actor_ref=caller.ref)
    return answer(shared, status=201 if shared.created else 200)


@router.post(
    "/signals/bulk",
    **requires(Scope.SIGNALS_WRITE, requestBody=_BULK_BODY),
    response={201: BulkOut, 200: BulkCheckOut},
    operation_id="share_signals",
)
def share_many(
    request: HttpRequest, *, partial: bool = False, dry_run: bool = False
) -> HttpResponse:
    """Share up to 20,000 signals: all or none, or with partial=1 the valid rows, part by part.

    Each party can have one bulk in progress at a time: another one is refused with 429 meanwhile.
    An interrupted bulk can be sent again unchanged: its signals are never shared twice.

    With dry_run=1 nothing is shared: the response has the result that each row would have.
    """
    caller = caller_of(request)
    if dry_run:
        sent = read_bulk(request)
        reads_feed = Scope.FEED_READ in caller.scopes
        checked = bulk.check_bulk(sent.rows, by=caller.party, now=now(), names_others=reads_feed)
        return answer(checked)
    # Reserve the party's bulk slot before parsing the rows, which takes longest.
    with bulks.one_bulk(caller.party):
        with reading_alone:
            sent = read_bulk(request)
            ready = checks.read(sent.rows, now=now())
        try:
            shared = bulks.share_bulk(
                ready, by=caller.party, now=now(), partial=partial, actor_ref=caller.ref
            )
        except BulkRefusedError as error:
            raise refused_bulk(error, is_routed=sent.is_refused) from error
    return answer(shared, status=201)


@router.get(
    "/signals/{uid}",
    **requires(Scope.FEED_READ),
    response=SignalOut,
    operation_id="read_signal",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a signal with its opinions, in any state."""
    return answer(reads.signal(uid, viewer=caller_of(request).party))


@router.post(
    "/signals/{uid}/withdraw",
    **requires(Scope.SIGNALS_WRITE),
    response=SignalOut,
    operation_id="withdraw_signal",
)
def withdraw(request: HttpRequest, uid: UUID, body: WithdrawIn) -> HttpResponse:
    """Withdraw a signal. Agents remove it through a tombstone in the feed."""
    caller = caller_of(request)
    return answer(writes.withdraw(uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref))


@router.put(
    "/signals/{uid}/opinion",
    **requires(Scope.FEEDBACK_WRITE),
    response=SignalOut,
    operation_id="give_opinion",
)
def opine(request: HttpRequest, uid: UUID, body: OpinionIn) -> HttpResponse:
    """Give your party's opinion of a signal. It replaces an earlier one."""
    caller = caller_of(request)
    return answer(
        writes.give_opinion(uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref)
    )
