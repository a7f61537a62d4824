# SPDX-License-Identifier: Apache-2.0
"""/misp/: what PyMISP adds and deletes. Its hashes and addresses become signals, as at other doors.

All of an event is shared, or nothing. The event itself is not kept: the answer tells the event of
ours that its signals are in, with the ids by which they are deleted. What comes back that we told
is not shared again: it may be another party's.
"""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

from stemtide.hub.api.bodies import JSON, check_content_type, read_json
from stemtide.hub.api.bulks import held
from stemtide.hub.api.callers import now
from stemtide.hub.api.misp import called, door
from stemtide.hub.api.misp_rest import NO_EVENT, answer, behind, behind_each
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import InvalidError, NotFoundError
from stemtide.hub.signals import reads_collection, reads_misp, rules_ready, writes
from stemtide.hub.signals.rules import BulkRefusedError
from stemtide.hub.stix import reads as stix
from stemtide.protocol import misp, misp_posted
from stemtide.protocol.misp import EventHead
from stemtide.protocol.misp_posted import PostedEventError, Sent
from stemtide.protocol.problems import FieldProblem, ProblemType
from stemtide.protocol.signals import WithdrawIn
from stemtide.protocol.words import Scope, WithdrawReason

_NAMED = 500
"""Signals that a query names; of more the whole event is read."""


@door("POST")
def add_event(request: HttpRequest, uuid: str = "") -> HttpResponse:  # noqa: ARG001  # an event of ours has its own
    """Share what is in an event; what is marked as deleted in it is withdrawn."""
    caller = called(request, Scope.SIGNALS_WRITE)
    with held(request, caller) as turn:
        told, left_out = _take_event(request, caller=caller, turn=turn)
    return answer(told | {"left_out": left_out})


def _take_event(
    request: HttpRequest, *, caller: Caller, turn: writes.Turn | None
) -> tuple[misp.Json, list[dict[str, str]]]:
    """Share and withdraw what an event says; the event as we tell it, and what was left out."""
    try:
        others = stix.other_parties(viewer=caller.party)
        sent = misp_posted.read_event(_body(request), others=others)
    except PostedEventError as error:
        raise _refused(error) from error
    if not sent.signals and not sent.gone:
        raise InvalidError("Attribute", "holds nothing that uploads are compared with")
    known = _known(sent, caller=caller)
    fresh = sent.without(known)
    ended = behind_each(sent.gone, caller=caller)  # before the turn is taken: others wait for it
    ready = rules_ready.read(fresh.signals, now=now())  # and this
    with turn() if turn else transaction.atomic():
        ids = [*_share(fresh, ready, caller=caller), *known.values()]
        for fromkey in dict.fromkeys(sent.gone):
            if found := ended.get(fromkey, []):
                _end(found, caller=caller)
                ids.extend(found)
            else:
                fresh.leave_out(
                    place=str(fromkey), kind="deleted", why="no longer matches, or never did"
                )
    return _told(ids, caller=caller), fresh.left_out


@door("POST")
def add_attributes(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Share attributes beside what is in an event: those of a crisis' event join the crisis."""
    caller = called(request, Scope.SIGNALS_WRITE)
    body = _body(request)
    crisis = _head(uuid, caller=caller).crisis
    try:
        sent = misp_posted.read_attributes(body, crisis=crisis)
    except PostedEventError as error:
        raise _refused(error) from error
    with held(request, caller) as turn:
        ids = _share_some(sent, caller=caller, turn=turn)
    told = _told(ids, caller=caller)["Event"]
    inner = [one["Attribute"][0] for one in told["Object"]]
    found = [*told["Attribute"], *inner]
    return answer({"Attribute": found if isinstance(body, list) else found[0]})


@door("POST")
def add_object(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Share what is in an object."""
    caller = called(request, Scope.SIGNALS_WRITE)
    body = _body(request)
    crisis = _head(uuid, caller=caller).crisis
    try:
        sent = misp_posted.read_thing(body, crisis=crisis)
    except PostedEventError as error:
        raise _refused(error) from error
    with held(request, caller) as turn:
        ids = _share_some(sent, caller=caller, turn=turn)
    told = _told(ids, caller=caller)["Event"]
    found = [*told["Object"], *told["Attribute"]]
    return answer({"Object": found[0]})


@door("POST", "DELETE")
def delete_attribute(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Withdraw the signal of an attribute: its sharer may, and an agency."""
    caller = called(request, Scope.SIGNALS_WRITE)
    if not _withdraw(uuid, caller=caller):
        raise NotFoundError("there is no such attribute that still matches: search for it")
    return answer({"saved": True, "success": True, "message": "Attribute deleted."})


urlpatterns = [
    path("events/add", add_event, name="misp-add-event"),
    path("events/edit/<str:uuid>", add_event, name="misp-edit-event"),
    path("attributes/add/<uuid:uuid>", add_attributes, name="misp-add-attributes"),
    path("objects/add/<uuid:uuid>", add_object, name="misp-add-object"),
    path("attributes/delete/<uuid:uuid>", delete_attribute, name="misp-delete-attribute"),
]


def _body(request: HttpRequest) -> object:
    """The JSON that was sent. raises: ProblemError."""
    check_content_type(request, JSON)
    return read_json(request.body)


def _share_some(sent: Sent, *, caller: Caller, turn: writes.Turn | None) -> list[UUID]:
    """Share what there is. raises: InvalidError where that is nothing, ProblemError."""
    if not sent.signals:
        why = sent.left_out[0]["why"] if sent.left_out else "is marked as deleted: delete it"
        raise InvalidError("type", why)
    ready = rules_ready.read(sent.signals, now=now())
    return _share(sent, ready, caller=caller, turn=turn)


def _share(
    sent: Sent, ready: rules_ready.Ready, *, caller: Caller, turn: writes.Turn | None = None
) -> list[UUID]:
    """Share all of it, or nothing; the ids of the signals. raises: ProblemError."""
    if not sent.signals:
        return []
    try:
        out = writes.share_ready(ready, by=caller.party, now=now(), actor_ref=caller.ref, turn=turn)
    except BulkRefusedError as error:
        errors = [
            FieldProblem(field=f"{sent.places[one.row]}.{one.field}", message=one.message)
            for one in error.errors
        ]
        said = f"{errors[0].field}: {errors[0].message}"
        raise ProblemError(ProblemType.INVALID, said, errors=errors) from error
    return [signal.id for signal in out.signals if signal]


def _withdraw(uuid: UUID, *, caller: Caller) -> list[UUID]:
    """Take the signal of an attribute back; none where it is no live one's.

    raises: NotAllowedError.
    """
    found = behind(str(uuid), caller=caller)
    _end(found, caller=caller)
    return found


def _end(uids: list[UUID], *, caller: Caller) -> None:
    """Take signals back. raises: NotAllowedError."""
    body = WithdrawIn(reason=WithdrawReason.OTHER)
    for uid in uids:
        writes.withdraw(uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref)


def _known(sent: Sent, *, caller: Caller) -> dict[UUID, UUID]:
    """The signals that attributes of an event stand for already, by the attributes' ids."""
    rooms = [None, *reads_misp.rooms_of(viewer=caller.party)]
    named = {
        uid: uuid
        for uuid in sent.ids
        if uuid is not None
        for room in rooms
        for uid in misp.signal_uids(uuid, crisis=room)
    }
    return {named[uid]: uid for uid in reads_collection.by_uid(named, viewer=caller.party)}


def _head(uuid: UUID, *, caller: Caller) -> EventHead:
    """An event of ours. raises: NotFoundError."""
    heads = reads_misp.heads(viewer=caller.party, now=now())
    head = next((one for one in heads if one.uuid == uuid), None)
    if head is None:
        raise NotFoundError(NO_EVENT)
    return head


def _told(ids: list[UUID], *, caller: Caller) -> misp.Json:
    """The event that signals are in, with them alone; of a crisis its own, if it has them all."""
    at = now()
    wanted = frozenset(ids)
    best: list[reads_misp.Row] = []
    found: EventHead | None = None
    for head in reads_misp.heads(viewer=caller.party, now=at) if wanted else ():
        only = wanted if len(wanted) <= _NAMED else None
        every = reads_misp.rows_of(head, viewer=caller.party, only=only)
        rows = [row for row in every if row["id"] in wanted]
        if rows and len(rows) >= len(best):
            found, best = head, rows
    if found is None:
        return {"Event": {"info": "nothing was shared", "Attribute": [], "Object": []}}
    return misp.event(found, best, now=at)


def _refused(error: PostedEventError) -> ProblemError:
    """What is wrong with what was posted, as a problem."""
    which = ProblemType.REFUSED_AND_ROUTED if error.is_routed else ProblemType.INVALID
    found = FieldProblem(field=error.where, message=str(error))
    return ProblemError(which, f"{error.where}: {error}", errors=[found])
