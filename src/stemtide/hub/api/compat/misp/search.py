# SPDX-License-Identifier: Apache-2.0
"""/misp/: the part of MISP's REST API that PyMISP needs for searches and sightings.

A sighting of type 0 counts as one more matching upload, type 1 (a false positive) disputes the
signal; both under the rules of the hub's own API. Unknown filters are refused: ignoring them would
return more than was asked for.
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
from stemtide.hub.api.auth import now
from stemtide.hub.api.bodies import JSON, check_content_type, read_json
from stemtide.hub.api.compat.misp.feed import called, door
from stemtide.hub.api.error_formats import MISP
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.reads import (
    collection,
    misp as misp_reads,
    records,
)
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.interop.misp import events
from stemtide.interop.misp.events import EventHead
from stemtide.protocol.enums import Opinion, Outcome, Scope, SignalState
from stemtide.protocol.messages.signals import OpinionIn
from stemtide.protocol.sync.agents import OutcomeReportIn, OutcomeRow

_AGENT = "misp"
_SEEN, _FALSE_POSITIVE = "0", "1"
NO_EVENT = "there is no such event that your party may see: search for the events that there are"
MAX_WHOLE = 10
"""Maximum complete events of a response: each has up to misp.MAX_SIGNALS attributes."""

_LAST_S = 253_402_300_799
"""The last second of the year 9999."""


def _as_list(sent: object) -> object:
    """Return a single value as a list."""
    return sent if isinstance(sent, list | tuple) else [sent]


def _as_text(sent: object) -> object:
    """Return a number as text, as MISP accepts either."""
    return str(sent) if isinstance(sent, int) and not isinstance(sent, bool) else sent


_Message = TypeVar("_Message", bound=BaseModel)
_Text = Annotated[str, Field(max_length=4096)]
_Texts = Annotated[list[_Text], BeforeValidator(_as_list), Field(max_length=100)]


class _SearchIn(BaseModel):
    """The filters of a search.

    deleted: include ended signals. metadata: return events without attributes.
    """

    model_config = ConfigDict(extra="forbid")

    returnFormat: _Text = "json"  # noqa: N815  # MISP's name
    value: _Texts | None = None
    uuid: Annotated[list[UUID], BeforeValidator(_as_list), Field(max_length=100)] | None = None
    type: _Texts | None = None
    type_attribute: _Texts | None = None
    to_ids: bool | None = None
    deleted: bool = False
    metadata: bool = False
    limit: int = Field(default=events.MAX_SIGNALS, ge=1, le=events.MAX_SIGNALS)
    page: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="before")
    @classmethod
    def _drop_unused(cls, sent: object) -> object:
        """Drop parameters that PyMISP always sends: flags that are off, and include… options."""
        if not isinstance(sent, dict):
            return sent
        fields = cls.model_fields
        return {
            name: value
            for name, value in sent.items()
            if name in fields or (value and not str(name).startswith("include"))
        }


class _SightingIn(BaseModel):
    """A sighting. Other fields of MISP's sightings are ignored."""

    type: Annotated[_Text, BeforeValidator(_as_text)] = _SEEN
    value: _Text | None = None
    values: Annotated[list[_Text], Field(max_length=100)] | None = None
    id: Annotated[_Text, BeforeValidator(_as_text)] | None = None
    uuid: UUID | None = None
    timestamp: Annotated[int, Field(ge=0, le=_LAST_S)] | None = None
    date_sighting: Annotated[int, Field(ge=0, le=_LAST_S)] | None = None


@door("GET")
def version(request: HttpRequest) -> HttpResponse:
    """Return the MISP version that is emulated, and the key's permissions."""
    caller = called(request, Scope.FEED_READ)
    return answer({"version": events.VERSION, "perm_sync": False, **_permissions(caller)})


@door("GET")
def me(request: HttpRequest) -> HttpResponse:
    """Return the caller as a MISP user, which is the party."""
    caller = called(request, Scope.FEED_READ)
    user = {"id": "0", "email": caller.party.name, "org_id": "0"}
    role = {"id": "0", "name": str(caller.party.kind), **_permissions(caller)}
    return answer({"User": user, "Role": role, "UserSetting": {}})


@door("GET", "POST")
def view(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Return an event of the feed, including its ended signals."""
    caller, at = called(request, Scope.FEED_READ), now()
    heads = misp_reads.heads(viewer=caller.party, now=at)
    head = next((candidate for candidate in heads if candidate.uuid == uuid), None)
    if head is None:
        raise NotFoundError(NO_EVENT)
    return answer(events.event(head, misp_reads.rows_of(head, viewer=caller.party), now=at))


@door("POST")
def search_events(request: HttpRequest) -> HttpResponse:
    """Return matching events with all attributes; too many are refused, not truncated."""
    search = _search(request)
    most = None if search.filters.metadata else MAX_WHOLE + 1
    heads = list(islice(search.page(head for head in search.heads() if search.holds(head)), most))
    if most is not None and len(heads) == most:
        raise InvalidError(
            "limit",
            "returns whole events, and more than {most} match: send a limit of at most "
            "{most} and continue with page, or send metadata",
            most=MAX_WHOLE,
        )
    # Events are made one at a time, to save memory.
    serialised = ", ".join(json.dumps(search.event(head)) for head in heads)
    return HttpResponse(f'{{"response": [{serialised}]}}', content_type=MISP.media_type)


@door("POST")
def search_attributes(request: HttpRequest) -> HttpResponse:
    """Return the matching attributes of all events."""
    search = _search(request)
    matches = (attribute for head in search.heads() for attribute in search.attributes(head))
    return answer({"response": {"Attribute": list(search.page(matches))}})


@door("POST")
def add_sighting(request: HttpRequest, uuid: str = "") -> HttpResponse:
    """Count a sighting, or dispute its signals."""
    caller, at = called(request, Scope.FEEDBACK_WRITE), now()
    sighting = _read(_SightingIn, request)
    if sighting.type not in {_SEEN, _FALSE_POSITIVE}:
        raise InvalidError(
            "type",
            "must be 0 for a sighting or 1 for a false positive; withdraw signals "
            "with the hub's API",
        )
    signals = _signals(sighting, named=uuid, caller=caller)
    when = sighting.date_sighting if sighting.timestamp is None else sighting.timestamp
    met_at = at if when is None else min(at, datetime.fromtimestamp(when, UTC))
    report = uuid4()
    if sighting.type == _SEEN:
        _count(signals, report=report, met_at=met_at, caller=caller)
    else:
        note = "false positive, reported as a sighting in MISP's format"
        dispute = OpinionIn(opinion=Opinion.DISPUTE, note=note)
        for signal in signals:
            writes.give_opinion(signal, body=dispute, by=caller.party, now=at, actor_ref=caller.ref)
    created = {
        "id": str(report),
        "uuid": str(report),
        "attribute_uuid": str(events.attribute_uuid(signals[0], crisis=None)),
        "date_sighting": str(int(met_at.timestamp())),
        "source": "",
        "type": sighting.type,
    }
    return answer({"Sighting": created})


def _count(signals: list[UUID], *, report: UUID, met_at: datetime, caller: Caller) -> None:
    """Count one upload that matched the given signals."""
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
    """Return a JSON response of MISP."""
    return HttpResponse(json.dumps(body), content_type=MISP.media_type)


def _permissions(caller: Caller) -> dict[str, bool]:
    """Return the key's permissions in MISP's terms."""
    return {
        "perm_sighting": Scope.FEEDBACK_WRITE in caller.scopes,
        "perm_add": Scope.SIGNALS_WRITE in caller.scopes,
    }


def _read(kind: type[_Message], request: HttpRequest) -> _Message:
    """Parse a message in the body. raises: ProblemError."""
    check_content_type(request, JSON)
    try:
        return kind.model_validate(read_json(request.body))
    except ValidationError as error:
        raise problems.refuse(error.errors(include_url=False)) from error


@dataclass(frozen=True, slots=True)
class _Search:
    """A search. named: signals with the requested values; None for all."""

    filters: _SearchIn
    caller: Caller
    at: datetime
    named: frozenset[UUID] | None

    def heads(self) -> list[EventHead]:
        """Return all events that the caller may see."""
        return misp_reads.heads(viewer=self.caller.party, now=self.at)

    def page(self, matches: Iterator[Any]) -> Iterator[Any]:
        """Yield the requested page of matches."""
        size = self.filters.limit
        return islice(matches, (self.filters.page - 1) * size, self.filters.page * size)

    def holds(self, head: EventHead) -> bool:
        """Whether an event has a matching attribute."""
        return next(self.attributes(head), None) is not None

    def event(self, head: EventHead) -> events.Json:
        """Return an event for the results of a search."""
        is_bare = self.filters.metadata
        every = [] if is_bare else misp_reads.rows_of(head, viewer=self.caller.party)
        rows = [row for row in every if self.filters.deleted or row["state"] == SignalState.LIVE]
        return events.event(head, rows, now=self.at)

    def attributes(self, head: EventHead) -> Iterator[events.Json]:
        """Yield the matching attributes of an event."""
        filters, only = self.filters, self._requested_signals(head)
        kinds = filters.type_attribute or filters.type
        for row in misp_reads.rows_of(head, viewer=self.caller.party, only=only):
            attribute = events.attribute(row, head=head, now=self.at)
            is_kind = kinds is None or attribute["type"] in kinds
            is_flagged = filters.to_ids is None or attribute["to_ids"] is filters.to_ids
            if is_kind and is_flagged and (filters.deleted or not attribute["deleted"]):
                yield attribute | {"event_uuid": str(head.uuid)}

    def _requested_signals(self, head: EventHead) -> frozenset[UUID] | None:
        """Return the requested signals of an event; None for all."""
        if self.filters.uuid is None or head.uuid in self.filters.uuid:
            return self.named
        behind = (events.signal_uids(uuid, crisis=head.crisis) for uuid in self.filters.uuid)
        only = frozenset(uid for uids in behind for uid in uids)
        return only if self.named is None else only & self.named


def _search(request: HttpRequest) -> _Search:
    """Parse a search. raises: ProblemError, UnknownKeyError, InvalidError."""
    caller = called(request, Scope.FEED_READ)
    filters = _read(_SearchIn, request)
    if filters.returnFormat != "json":
        raise InvalidError("returnFormat", "must be json")
    named = None
    if filters.value is not None:
        matches = (records.with_value(value, viewer=caller.party) for value in filters.value)
        named = frozenset(uid for match in matches for uid, _ in match)
    return _Search(filters, caller, now(), named)


def _signals(sighting: _SightingIn, *, named: str, caller: Caller) -> list[UUID]:
    """Return the signals that a sighting is about. raises: InvalidError, NotFoundError."""
    values = sighting.values if sighting.value is None else [sighting.value]
    uuid = named or (str(sighting.uuid) if sighting.uuid else sighting.id)
    if uuid:
        uids = behind(uuid, caller=caller)
    elif values:
        matches = (records.with_value(value, viewer=caller.party) for value in values)
        uids = [uid for match in matches for uid, _ in match]
    else:
        raise InvalidError("value", "is missing: send a value, values, or an attribute's uuid")
    if not uids:
        raise NotFoundError(
            "no live attribute or value matches this request, or your party may not see it"
        )
    return list(dict.fromkeys(uids))


def behind(text: str, *, caller: Caller) -> list[UUID]:
    """Return the live signal of an attribute, without exercises. raises: InvalidError."""
    try:
        uuid = UUID(text)
    except ValueError as error:
        raise InvalidError(
            "uuid", "must be the uuid of an attribute: the hub does not store numeric ids"
        ) from error
    return behind_each([uuid], caller=caller).get(uuid, [])


def behind_each(uuids: Iterable[UUID], *, caller: Caller) -> dict[UUID, list[UUID]]:
    """Return live signals by attribute id, without exercises; looked up together."""
    rooms = [None, *misp_reads.rooms_of(viewer=caller.party)]
    named = {
        uid: (uuid, room)
        for uuid in uuids
        for room in rooms
        for uid in events.signal_uids(uuid, crisis=room)
    }
    signals: dict[UUID, list[UUID]] = {}
    for uid, row in collection.by_uid(named, viewer=caller.party).items():
        uuid, room = named[uid]
        is_there = room in {None, row.crisis.uid if row.crisis else None}
        if row.state == SignalState.LIVE and not row.exercise and is_there:
            signals.setdefault(uuid, []).append(uid)
    return signals
