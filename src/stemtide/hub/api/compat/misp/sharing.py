# SPDX-License-Identifier: Apache-2.0
"""/misp/: adding and deleting by PyMISP, which shares and withdraws signals.

An event is shared completely, or not at all. The event itself is not stored: the response has the
hub's event with the signals, and the ids for deleting them. Attributes that came from this hub are
not shared again, as they may be another party's.
"""

from contextlib import AbstractContextManager
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

from stemtide.hub.api.auth import now
from stemtide.hub.api.bodies import JSON, check_content_type, read_json
from stemtide.hub.api.bulks import bulk_slot
from stemtide.hub.api.compat.misp.feed import called, door
from stemtide.hub.api.compat.misp.search import NO_EVENT, answer, behind, behind_each
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.reads import collection, misp as misp_reads
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.hub.rooms.signals.writes.waiting import counting_refused
from stemtide.hub.rooms.stix.reads import stix
from stemtide.interop.misp import events, posted
from stemtide.interop.misp.events import EventHead
from stemtide.interop.misp.posted import PostedEventError, PostedSignals
from stemtide.protocol.enums import Scope, SignalState, WithdrawReason
from stemtide.protocol.messages.signals import SharedSignal, SignalIn, WithdrawIn
from stemtide.protocol.problems import FieldProblem, ProblemType

_WAITS = "The deletion waits for a second person; until then agents hold what it matches."

_MAX_NAMED = 500
"""Maximum signals that a query names; beyond it, the whole event is read."""


@door("POST")
def add_event(request: HttpRequest, uuid: str = "") -> HttpResponse:  # noqa: ARG001  # an event of ours has its own
    """Share the signals of an event; those that are marked as deleted in it are withdrawn."""
    caller = called(request, Scope.SIGNALS_WRITE)
    with bulk_slot(request, caller) as turn:
        event, left_out = _take_event(request, caller=caller, turn=turn)
    return answer(event | {"left_out": left_out})


def _take_event(
    request: HttpRequest, *, caller: Caller, turn: writes.Turn | None
) -> tuple[events.Json, list[dict[str, str]]]:
    """Share and withdraw the signals of an event; return the hub's event, and omissions."""
    try:
        others = stix.other_parties(viewer=caller.party)
        sent = posted.read_event(_body(request), others=others)
    except PostedEventError as error:
        raise _problem_of(error) from error
    if not sent.signals and not sent.gone:
        raise InvalidError(
            "Attribute",
            "contains no value that can be compared with uploads: add a hash or an address",
        )
    own_signals = _existing_signals(sent, caller=caller)
    fresh = sent.without(own_signals)
    ended = behind_each(sent.gone, caller=caller)  # before taking the lock that others wait for
    ready = checks.read(fresh.signals, now=now())  # likewise
    with _counting(caller), turn() if turn else transaction.atomic():
        shared, waiting = _share(fresh, ready, caller=caller)
        ids = [*shared, *own_signals.values()]
        for fromkey in dict.fromkeys(sent.gone):
            if uids := ended.get(fromkey, []):
                if _withdraw_all(uids, caller=caller):
                    fresh.leave_out(place=str(fromkey), kind="deleted", why=_WAITS)
                ids.extend(uids)
            else:
                fresh.leave_out(
                    place=str(fromkey), kind="deleted", why="no longer matches, or never did"
                )
    _name_waiting(fresh, waiting)
    return _event_with(ids, caller=caller), fresh.left_out


def _counting(caller: Caller) -> AbstractContextManager[None]:
    """Count refused values of abuse material although the transaction is rolled back."""
    return counting_refused(by=caller.party, now=now(), through=caller.ref)


def _name_waiting(sent: PostedSignals, waiting: dict[int, SharedSignal]) -> None:
    """Name the signals that wait among those that the event leaves out."""
    for row, signal in waiting.items():
        why = f"{signal.id} waits for a second look: {'; '.join(signal.waiting_for)}"
        sent.leave_out(place=sent.places[row], kind="waiting", why=why)


@door("POST")
def add_attributes(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Share attributes into an event: those of a crisis's event join the crisis."""
    caller = called(request, Scope.SIGNALS_WRITE)
    body = _body(request)
    crisis = _head(uuid, caller=caller).crisis
    try:
        sent = posted.read_attributes(body, crisis=crisis)
    except PostedEventError as error:
        raise _problem_of(error) from error
    with bulk_slot(request, caller) as turn:
        ids, waiting = _share_attributes(sent, caller=caller, turn=turn)
    event = _event_with(ids, caller=caller)["Event"]
    inner = [entry["Attribute"][0] for entry in event["Object"]]
    waits = [_waiting_attribute(sent.signals[row], signal) for row, signal in waiting.items()]
    attributes = [*event["Attribute"], *inner, *waits]
    return answer({"Attribute": attributes if isinstance(body, list) else attributes[0]})


@door("POST")
def add_object(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Share the signals of an object."""
    caller = called(request, Scope.SIGNALS_WRITE)
    body = _body(request)
    crisis = _head(uuid, caller=caller).crisis
    try:
        sent = posted.read_object(body, crisis=crisis)
    except PostedEventError as error:
        raise _problem_of(error) from error
    with bulk_slot(request, caller) as turn:
        ids, waiting = _share_attributes(sent, caller=caller, turn=turn)
    event = _event_with(ids, caller=caller)["Event"]
    waits = [_waiting_attribute(sent.signals[row], signal) for row, signal in waiting.items()]
    entries = [*event["Object"], *event["Attribute"], *waits]
    return answer({"Object": entries[0]})


@door("POST", "DELETE")
def delete_attribute(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Withdraw the signal of an attribute, as its sharer or as an agency."""
    caller = called(request, Scope.SIGNALS_WRITE)
    uids = behind(str(uuid), caller=caller)
    if not uids:
        raise NotFoundError("there is no live attribute with this id: search for it")
    is_waiting = _withdraw_all(uids, caller=caller)
    message = _WAITS if is_waiting else "Attribute deleted."
    return answer({"saved": True, "success": True, "message": message})


urlpatterns = [
    path("events/add", add_event, name="misp-add-event"),
    path("events/edit/<str:uuid>", add_event, name="misp-edit-event"),
    path("attributes/add/<uuid:uuid>", add_attributes, name="misp-add-attributes"),
    path("objects/add/<uuid:uuid>", add_object, name="misp-add-object"),
    path("attributes/delete/<uuid:uuid>", delete_attribute, name="misp-delete-attribute"),
]


def _body(request: HttpRequest) -> object:
    """Return the parsed JSON body. raises: ProblemError."""
    check_content_type(request, JSON)
    return read_json(request.body)


def _share_attributes(
    sent: PostedSignals, *, caller: Caller, turn: writes.Turn | None
) -> tuple[list[UUID], dict[int, SharedSignal]]:
    """Share the signals as _share does. raises: InvalidError if there are none, ProblemError."""
    if not sent.signals:
        why = sent.left_out[0]["why"] if sent.left_out else "is marked as deleted: delete it"
        raise InvalidError("type", why)
    ready = checks.read(sent.signals, now=now())
    return _share(sent, ready, caller=caller, turn=turn)


def _share(
    sent: PostedSignals,
    ready: checks.ParsedRows,
    *,
    caller: Caller,
    turn: writes.Turn | None = None,
) -> tuple[list[UUID], dict[int, SharedSignal]]:
    """Share all signals or none; return the ids of those that travel, and those that wait, by row.

    raises: ProblemError.
    """
    if not sent.signals:
        return [], {}
    try:
        out = writes.share_parsed(
            ready, by=caller.party, now=now(), actor_ref=caller.ref, turn=turn
        )
    except BulkRefusedError as error:
        errors = [
            FieldProblem(
                field=f"{sent.places[row_error.row]}.{row_error.field}", message=row_error.message
            )
            for row_error in error.errors
        ]
        summary = f"{errors[0].field}: {errors[0].message}"
        which = ProblemType.REFUSED_AND_ROUTED if error.is_routed else ProblemType.INVALID
        raise ProblemError(which, summary, errors=errors) from error
    signals = {row: signal for row, signal in enumerate(out.signals) if signal is not None}
    waiting = {
        row: signal for row, signal in signals.items() if signal.state is SignalState.WAITING
    }
    return [signal.id for row, signal in signals.items() if row not in waiting], waiting


def _waiting_attribute(body: SignalIn, signal: SharedSignal) -> events.Json:
    """Return a signal that waits as an attribute: MISP knows no such state, so its comment says it.

    It is not published, and no event has it yet.
    """
    return {
        "uuid": str(signal.id),
        "type": body.kind.value,
        "value": body.value,
        "to_ids": False,
        "comment": f"waits for a second look: {'; '.join(signal.waiting_for)}",
    }


def _withdraw_all(uids: list[UUID], *, caller: Caller) -> bool:
    """Withdraw signals; return whether a withdrawal waits. raises: NotAllowedError."""
    body = WithdrawIn(reason=WithdrawReason.OTHER)
    outs = [
        writes.withdraw(uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref)
        for uid in uids
    ]
    return any(out.state is SignalState.LIVE for out in outs)


def _existing_signals(sent: PostedSignals, *, caller: Caller) -> dict[UUID, UUID]:
    """Return existing signals by the ids of an event's attributes."""
    rooms = [None, *misp_reads.rooms_of(viewer=caller.party)]
    named = {
        uid: uuid
        for uuid in sent.ids
        if uuid is not None
        for room in rooms
        for uid in events.signal_uids(uuid, crisis=room)
    }
    return {named[uid]: uid for uid in collection.by_uid(named, viewer=caller.party)}


def _head(uuid: UUID, *, caller: Caller) -> EventHead:
    """Return an event of the hub. raises: NotFoundError."""
    heads = misp_reads.heads(viewer=caller.party, now=now())
    head = next((candidate for candidate in heads if candidate.uuid == uuid), None)
    if head is None:
        raise NotFoundError(NO_EVENT)
    return head


def _event_with(ids: list[UUID], *, caller: Caller) -> events.Json:
    """Return an event with these signals only, preferably that of a crisis with all of them."""
    at = now()
    uids = frozenset(ids)
    best: list[misp_reads.Row] = []
    best_head: EventHead | None = None
    for head in misp_reads.heads(viewer=caller.party, now=at) if uids else ():
        only = uids if len(uids) <= _MAX_NAMED else None
        every = misp_reads.rows_of(head, viewer=caller.party, only=only)
        rows = [row for row in every if row["id"] in uids]
        if rows and len(rows) >= len(best):
            best_head, best = head, rows
    if best_head is None:
        return {"Event": {"info": "nothing was shared", "Attribute": [], "Object": []}}
    return events.event(best_head, best, now=at)


def _problem_of(error: PostedEventError) -> ProblemError:
    """Return the problem of a refused event."""
    which = ProblemType.REFUSED_AND_ROUTED if error.is_routed else ProblemType.INVALID
    field_problem = FieldProblem(field=error.where, message=str(error))
    return ProblemError(which, f"{error.where}: {error}", errors=[field_problem])
