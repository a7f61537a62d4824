# SPDX-License-Identifier: Apache-2.0
"""/misp/: as much of MISP's REST as PyMISP needs to look signals up and to say what was met.

A sighting of type 0 counts as one more upload that matched, 1 (a false positive) disputes; both
under the rules of every other door. A filter that is not known is refused: without it the answer
would hold more than was asked for.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.urls import path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stemtide.hub.api import problems
from stemtide.hub.api.bodies import JSON, check_content_type, read_json
from stemtide.hub.api.callers import now
from stemtide.hub.api.misp import called, door
from stemtide.hub.api.tongues import MISP
from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import InvalidError, NotFoundError
from stemtide.hub.signals import reads_collection, reads_misp, reads_records, writes
from stemtide.protocol import misp
from stemtide.protocol.agents import OutcomeReportIn, OutcomeRow
from stemtide.protocol.misp import EventHead
from stemtide.protocol.signals import OpinionIn
from stemtide.protocol.words import Opinion, Outcome, Scope, SignalState

_AGENT = "misp"
_MET, _FALSE = "0", "1"
NO_EVENT = "there is no such event that your party may see: search for the events that there are"
MAX_WHOLE = 10
"""Whole events in one answer: each holds up to misp.MAX_SIGNALS attributes."""

_LAST_S = 253_402_300_799
"""The last second of the year 9999."""


def _as_list(sent: object) -> object:
    """One thing as a list of one."""
    return sent if isinstance(sent, list | tuple) else [sent]


def _as_text(sent: object) -> object:
    """A number as text, as MISP takes either."""
    return str(sent) if isinstance(sent, int) and not isinstance(sent, bool) else sent


_Message = TypeVar("_Message", bound=BaseModel)
_Text = Annotated[str, Field(max_length=4096)]
_Some = Annotated[list[_Text], BeforeValidator(_as_list), Field(max_length=100)]


class _SearchIn(BaseModel):
    """What a search asks for.

    deleted: tell what ended as well. metadata: events without what is in them.
    """

    model_config = ConfigDict(extra="forbid")

    returnFormat: _Text = "json"  # noqa: N815  # MISP's name
    value: _Some | None = None
    uuid: Annotated[list[UUID], BeforeValidator(_as_list), Field(max_length=100)] | None = None
    type: _Some | None = None
    type_attribute: _Some | None = None
    to_ids: bool | None = None
    deleted: bool = False
    metadata: bool = False
    limit: int = Field(default=misp.MAX_SIGNALS, ge=1, le=misp.MAX_SIGNALS)
    page: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="before")
    @classmethod
    def _without_idle(cls, sent: object) -> object:
        """The same without what PyMISP always sends: switches that are off, and what adds more."""
        if not isinstance(sent, dict):
            return sent
        known = cls.model_fields
        return {
            name: value
            for name, value in sent.items()
            if name in known or (value and not str(name).startswith("include"))
        }


class _SightingIn(BaseModel):
    """What was met. What else MISP's own sightings carry says nothing to us."""

    type: Annotated[_Text, BeforeValidator(_as_text)] = _MET
    value: _Text | None = None
    values: Annotated[list[_Text], Field(max_length=100)] | None = None
    id: Annotated[_Text, BeforeValidator(_as_text)] | None = None
    uuid: UUID | None = None
    timestamp: Annotated[int, Field(ge=0, le=_LAST_S)] | None = None
    date_sighting: Annotated[int, Field(ge=0, le=_LAST_S)] | None = None


@door("GET")
def version(request: HttpRequest) -> HttpResponse:
    """Which MISP this is like, and what the key may do."""
    caller = called(request, Scope.FEED_READ)
    return answer({"version": misp.VERSION, "perm_sync": False, **_may(caller)})


@door("GET")
def me(request: HttpRequest) -> HttpResponse:
    """Who calls: MISP's user is the party here."""
    caller = called(request, Scope.FEED_READ)
    user = {"id": "0", "email": caller.party.name, "org_id": "0"}
    role = {"id": "0", "name": str(caller.party.kind), **_may(caller)}
    return answer({"User": user, "Role": role, "UserSetting": {}})


@door("GET", "POST")
def view(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One event, with what ended in it, as the feed has it."""
    caller, at = called(request, Scope.FEED_READ), now()
    heads = reads_misp.heads(viewer=caller.party, now=at)
    head = next((one for one in heads if one.uuid == uuid), None)
    if head is None:
        raise NotFoundError(NO_EVENT)
    return answer(misp.event(head, reads_misp.rows_of(head, viewer=caller.party), now=at))


@door("POST")
def search_events(request: HttpRequest) -> HttpResponse:
    """The events that hold what is asked for, whole; too many are refused, not cut short."""
    search = _search(request)
    most = None if search.asked.metadata else MAX_WHOLE + 1
    heads = list(islice(search.page(head for head in search.heads() if search.holds(head)), most))
    if most is not None and len(heads) == most:
        raise InvalidError(
            "limit",
            "is of events, and more than {most} whole ones hold this: send a limit of at most"
            " {most} and go on with page, or send metadata",
            most=MAX_WHOLE,
        )
    told = ", ".join(json.dumps(search.event(head)) for head in heads)  # one after the other
    return HttpResponse(f'{{"response": [{told}]}}', content_type=MISP.media_type)


@door("POST")
def search_attributes(request: HttpRequest) -> HttpResponse:
    """The attributes that are asked for, of all events."""
    search = _search(request)
    found = (attribute for head in search.heads() for attribute in search.attributes(head))
    return answer({"response": {"Attribute": list(search.page(found))}})


@door("POST")
def add_sighting(request: HttpRequest, uuid: str = "") -> HttpResponse:
    """Count what was met, or dispute it."""
    caller, at = called(request, Scope.FEEDBACK_WRITE), now()
    said = _read(_SightingIn, request)
    if said.type not in {_MET, _FALSE}:
        raise InvalidError(
            "type", "is 0 for what was met or 1 for a false positive; take back by the hub's API"
        )
    signals = _signals(said, named=uuid, caller=caller)
    when = said.date_sighting if said.timestamp is None else said.timestamp
    met_at = at if when is None else min(at, datetime.fromtimestamp(when, UTC))
    report = uuid4()
    if said.type == _MET:
        _count(signals, report=report, met_at=met_at, caller=caller)
    else:
        dispute = OpinionIn(opinion=Opinion.DISPUTE)
        for signal in signals:
            writes.opine(signal, body=dispute, by=caller.party, now=at, actor_ref=caller.ref)
    told = {
        "id": str(report),
        "uuid": str(report),
        "attribute_uuid": str(misp.attribute_uuid(signals[0], crisis=None)),
        "date_sighting": str(int(met_at.timestamp())),
        "source": "",
        "type": said.type,
    }
    return answer({"Sighting": told})


def _count(signals: list[UUID], *, report: UUID, met_at: datetime, caller: Caller) -> None:
    """Count one upload that matched each of some signals."""
    rows = tuple(
        OutcomeRow(signal=signal, outcome=Outcome.LOGGED, count=1, first_at=met_at, last_at=met_at)
        for signal in signals
    )
    body = OutcomeReportIn(report=report, agent=_AGENT, rows=rows)
    writes.report_outcomes(body, by=caller.party, now=now(), actor_ref=caller.ref)


urlpatterns = [
    path("servers/getVersion", version, name="misp-version"),
    path("servers/getVersion.json", version),
    path("servers/getPyMISPVersion.json", version),
    path("users/view/me", me, name="misp-me"),
    path("events/view/<uuid:uuid>", view, name="misp-view"),
    path("events/restSearch", search_events, name="misp-search-events"),
    path("attributes/restSearch", search_attributes, name="misp-search-attributes"),
    path("sightings/add", add_sighting, name="misp-sighting"),
    path("sightings/add/<str:uuid>", add_sighting, name="misp-sighting-of"),
]


def answer(body: object) -> HttpResponse:
    """One of MISP's answers."""
    return HttpResponse(json.dumps(body), content_type=MISP.media_type)


def _may(caller: Caller) -> dict[str, bool]:
    """What the key may do, as MISP says it."""
    return {
        "perm_sighting": Scope.FEEDBACK_WRITE in caller.scopes,
        "perm_add": Scope.SIGNALS_WRITE in caller.scopes,
    }


def _read(kind: type[_Message], request: HttpRequest) -> _Message:
    """A message in the body. raises: ProblemError."""
    check_content_type(request, JSON)
    try:
        return kind.model_validate(read_json(request.body))
    except ValidationError as error:
        raise problems.refuse(error.errors(include_url=False)) from error


@dataclass(frozen=True, slots=True)
class _Search:
    """One search. named: the signals of the values that it asks for; None for all."""

    asked: _SearchIn
    caller: Caller
    at: datetime
    named: frozenset[UUID] | None

    def heads(self) -> list[EventHead]:
        """All events that the caller may see."""
        return reads_misp.heads(viewer=self.caller.party, now=self.at)

    def page(self, found: Iterator[Any]) -> Iterator[Any]:
        """The page of an answer that is asked for."""
        size = self.asked.limit
        return islice(found, (self.asked.page - 1) * size, self.asked.page * size)

    def holds(self, head: EventHead) -> bool:
        """Whether an event holds anything that is asked for."""
        return next(self.attributes(head), None) is not None

    def event(self, head: EventHead) -> misp.Json:
        """An event as a search tells it."""
        is_bare = self.asked.metadata
        every = [] if is_bare else reads_misp.rows_of(head, viewer=self.caller.party)
        rows = [one for one in every if self.asked.deleted or one["state"] == SignalState.LIVE]
        return misp.event(head, rows, now=self.at)

    def attributes(self, head: EventHead) -> Iterator[misp.Json]:
        """The attributes of an event that are asked for."""
        asked, only = self.asked, self._only(head)
        kinds = asked.type_attribute or asked.type
        for row in reads_misp.rows_of(head, viewer=self.caller.party, only=only):
            one = misp.attribute(row, head=head, now=self.at)
            is_kind = kinds is None or one["type"] in kinds
            is_flagged = asked.to_ids is None or one["to_ids"] is asked.to_ids
            if is_kind and is_flagged and (asked.deleted or not one["deleted"]):
                yield one | {"event_uuid": str(head.uuid)}

    def _only(self, head: EventHead) -> frozenset[UUID] | None:
        """The signals of an event that are asked for; None for all."""
        if self.asked.uuid is None or head.uuid in self.asked.uuid:
            return self.named
        behind = (misp.signal_uids(one, crisis=head.crisis) for one in self.asked.uuid)
        only = frozenset(uid for some in behind for uid in some)
        return only if self.named is None else only & self.named


def _search(request: HttpRequest) -> _Search:
    """What a search asks for. raises: ProblemError, UnknownKeyError, InvalidError."""
    caller = called(request, Scope.FEED_READ)
    asked = _read(_SearchIn, request)
    if asked.returnFormat != "json":
        raise InvalidError("returnFormat", "can only be json here")
    named = None
    if asked.value is not None:
        some = (reads_records.with_value(one, viewer=caller.party) for one in asked.value)
        named = frozenset(uid for one in some for uid, _ in one)
    return _Search(asked, caller, now(), named)


def _signals(said: _SightingIn, *, named: str, caller: Caller) -> list[UUID]:
    """The signals that a sighting is of. raises: InvalidError, NotFoundError."""
    values = said.values if said.value is None else [said.value]
    uuid = named or (str(said.uuid) if said.uuid else said.id)
    if uuid:
        found = behind(uuid, caller=caller)
    elif values:
        some = (reads_records.with_value(value, viewer=caller.party) for value in values)
        found = [uid for one in some for uid, _ in one]
    else:
        raise InvalidError("value", "is missing: send a value, values, or an attribute's uuid")
    if not found:
        raise NotFoundError(
            "there is no such attribute or value that still matches and that your party may see"
        )
    return list(dict.fromkeys(found))


def behind(text: str, *, caller: Caller) -> list[UUID]:
    """The live real signal of an attribute. raises: InvalidError for what is no UUID."""
    try:
        uuid = UUID(text)
    except ValueError as error:
        raise InvalidError("uuid", "must be the uuid of an attribute: ids are not kept") from error
    return behind_each([uuid], caller=caller).get(uuid, [])


def behind_each(uuids: Iterable[UUID], *, caller: Caller) -> dict[UUID, list[UUID]]:
    """The live real signals of attributes, by the attributes' ids; looked up together."""
    rooms = [None, *reads_misp.rooms_of(viewer=caller.party)]
    named = {
        uid: (uuid, room)
        for uuid in uuids
        for room in rooms
        for uid in misp.signal_uids(uuid, crisis=room)
    }
    found: dict[UUID, list[UUID]] = {}
    for uid, row in reads_collection.by_uid(named, viewer=caller.party).items():
        uuid, room = named[uid]
        is_there = room in {None, row.crisis.uid if row.crisis else None}
        if row.state == SignalState.LIVE and not row.exercise and is_there:
            found.setdefault(uuid, []).append(uid)
    return found
