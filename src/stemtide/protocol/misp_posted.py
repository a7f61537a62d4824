# SPDX-License-Identifier: Apache-2.0
"""What an event that a partner's MISP posts asks of us: a signal for each hash and address in it.

Types that uploads are not compared with are left out and named. What is not flagged for detection
(to_ids) is for people: PAP:AMBER at most. What its marks let nobody have is not taken. Nor is an
event of another party of the hub: signals are those of whoever posts them. Its creator's mail
address (event_creator_email) is not read, as persons are not kept.

source: MISP core format (draft-dulaunoy-misp-core-format).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.exchange_words import (
    RefusedWordError,
    TooManyTagsError,
    Words,
    read_words,
    strictest_marks,
)
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.signals import MAX_BULK, SignalIn
from stemtide.protocol.stix import read_tags
from stemtide.protocol.stix_authors import OtherParties
from stemtide.protocol.stix_posted import DEFAULT_LABEL

Json = Mapping[str, Any]

_KIND_OF = {"md5": Kind.MD5, "sha256": Kind.SHA256, "url": Kind.URL}
_OURS_ALONE = "0"
_SHARING_GROUP = "4"
_NOT_ONWARD = frozenset({_OURS_ALONE, _SHARING_GROUP})
_MAX_NAMED = 100


class PostedEventError(ValueError):
    """An event that cannot be taken. field: where; the message says the remedy."""

    def __init__(self, where: str, trouble: str, *, is_routed: bool = False) -> None:
        super().__init__(trouble)
        self.where = where
        self.is_routed = is_routed


@dataclass(slots=True)
class Sent:
    """What was posted.

    signals, places, ids: what it asks to share, where each stands in what was sent, and the id of
                     its attribute; None for none.
    left_out:        what became no signal, and why; at most a hundred of them.
    gone:            attributes that are marked as deleted, by their ids.
    """

    signals: list[SignalIn] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    ids: list[UUID | None] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)

    def leave_out(self, *, place: str, kind: str, why: str) -> None:
        """Name what became no signal."""
        if len(self.left_out) < _MAX_NAMED:
            self.left_out.append({"type": kind[:80], "place": place, "why": why})

    def without(self, known: Collection[UUID]) -> "Sent":
        """The same without attributes that are here already; they are named."""
        rest = Sent(left_out=list(self.left_out), gone=self.gone)
        for signal, place, uuid in zip(self.signals, self.places, self.ids, strict=True):
            if uuid in known:
                rest.leave_out(place=place, kind=signal.kind, why="is an attribute of ours already")
                continue
            rest.signals.append(signal)
            rest.places.append(place)
            rest.ids.append(uuid)
        return rest


def read_event(sent: object, *, others: OtherParties) -> Sent:
    """What an event asks for, bare or under its name.

    others: the parties whose events the poster does not post. raises: PostedEventError.
    """
    body = _under(sent, "Event")
    for role in ("Orgc", "Org"):
        made_by = body.get(role)
        if name := others.named_by(
            made_by.get("name") if isinstance(made_by, Mapping) else made_by
        ):
            raise PostedEventError(role, f"is {name}: an event is shared by its own organisation")
    if str(body.get("distribution", "")) in _NOT_ONWARD:
        raise PostedEventError(
            "distribution",
            "says that the event is not for others (0, 4): set 1, 2, 3 or 5, and say by a TLP tag"
            " who may have it",
        )
    return _read(_attributes(body), event=body, crisis=None)


def read_attributes(sent: object, *, crisis: UUID | None) -> Sent:
    """What one attribute, or a list of them, asks for. raises: PostedEventError."""
    each = sent if isinstance(sent, list) else [_under(sent, "Attribute")]
    pairs = [(f"Attribute.{place}", one) for place, one in enumerate(each)]
    return _read(iter(pairs), event={}, crisis=crisis)


def read_thing(sent: object, *, crisis: UUID | None) -> Sent:
    """What an object asks for. raises: PostedEventError."""
    thing = {"Object": [_under(sent, "Object")]}
    return _read(_attributes(thing), event={}, crisis=crisis)


def _read(pairs: Iterator[tuple[str, object]], *, event: Json, crisis: UUID | None) -> Sent:
    """What attributes ask for, each with the place where it stands."""
    found = Sent()
    said = _words_of("Tag", event)
    room = crisis or _crisis_of(event)
    for count, (place, one) in enumerate(pairs, start=1):
        if count > MAX_BULK:
            raise PostedEventError(place, f"one event has at most {MAX_BULK:,} attributes here")
        if not isinstance(one, Mapping):
            raise PostedEventError(place, "is no attribute: write {…}")
        _read_one(one, place=place, event=said, room=room, into=found)
    return found


def _read_one(one: Json, *, place: str, event: Words, room: UUID | None, into: Sent) -> None:
    """One attribute: a signal, one that ended, or what is left out. raises: PostedEventError."""
    words = _words_of(f"{place}.Tag", one)
    if words.is_exercise or event.is_exercise:
        raise PostedEventError(
            f"{place}.Tag", "exercises are not shared here: use TAXII or the hub's API"
        )
    if _is_on(one.get("deleted")):
        into.gone.extend(_uuids(one))
        return
    asked = _kind_and_value(one)
    why = "" if asked else "uploads are not compared with this type"
    if str(one.get("distribution", "")) in _NOT_ONWARD:
        why = "its distribution says that it is not for others"
    if asked is None or why:
        into.leave_out(place=place, kind=str(one.get("type")), why=why)
        return
    into.signals.append(_signal(one, asked, place=place, said=(event, words), room=room))
    into.places.append(place)
    into.ids.append(next(_uuids(one), None))


def _signal(
    one: Json,
    asked: tuple[Kind, str],
    *,
    place: str,
    said: tuple[Words, Words],
    room: UUID | None,
) -> SignalIn:
    """The signal of one attribute. said: by the event, and by itself. raises: PostedEventError."""
    event, own = said
    kind, value = asked
    facts: dict[str, Any] = {"labels": (DEFAULT_LABEL,), "severity": "medium", "confidence": 50}
    facts |= {"tlp": Tlp.AMBER, **event.facts, **own.facts}
    facts |= strictest_marks([event.facts, own.facts])
    if kind is not Kind.PDQ and not _is_on(one.get("to_ids")):
        facts["pap"] = min(facts.get("pap", Pap.AMBER), Pap.AMBER, key=list(Pap).index)
    facts |= {"kind": kind, "value": value, "crisis": _crisis_of(one) or room}
    facts["via"] = tuple(own.via or event.via)
    try:
        return SignalIn.model_validate(facts)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "value"
        trouble = first["msg"].removeprefix("Value error, ")[:300]
        raise PostedEventError(f"{place}.{name}", trouble) from error


def _attributes(body: Json) -> Iterator[tuple[str, object]]:
    """All attributes of an event, those of its objects too, each with its place."""
    for place, one in enumerate(_list(body, "Attribute")):
        yield f"Attribute.{place}", one
    for number, thing in enumerate(_list(body, "Object")):
        if not isinstance(thing, Mapping):
            raise PostedEventError(f"Object.{number}", "is no object: write {…}")
        for place, one in enumerate(_list(thing, "Attribute")):
            name = f"Object.{number}.Attribute.{place}"
            if isinstance(one, Mapping) and _is_on(thing.get("deleted")):
                yield name, {**one, "deleted": 1}
            else:
                yield name, one


def _kind_and_value(one: Json) -> tuple[Kind, str] | None:
    """What an attribute is to us; None for what is no signal."""
    kind, value = str(one.get("type")), one.get("value")
    if not isinstance(value, str):
        return None
    if str(one.get("object_relation", "")).lower() == "pdq" or kind == "pdq":
        return Kind.PDQ, value.strip().lower()
    if kind.startswith("filename|"):
        kind, value = kind.partition("|")[2], value.rpartition("|")[2]
    if kind not in _KIND_OF:
        return None
    return _KIND_OF[kind], value.strip() if kind == "url" else value.strip().lower()


def _words_of(place: str, thing: Json) -> Words:
    """What the tags of an event or attribute say. raises: PostedEventError."""
    try:
        return read_words(_names(thing))
    except RefusedWordError as error:
        is_routed = not isinstance(error, TooManyTagsError)
        raise PostedEventError(place, str(error), is_routed=is_routed) from error


def _crisis_of(thing: Json) -> UUID | None:
    """The crisis that a tag of ours names; None for none. raises: PostedEventError."""
    for text in read_tags(_names(thing)).get("crisis", []):
        try:
            return UUID(text)
        except ValueError as error:
            raise PostedEventError("Tag", "stemtide:crisis names no crisis: its id") from error
    return None


def _names(thing: Json) -> list[str]:
    """The names of tags."""
    tags = thing.get("Tag")
    each = tags if isinstance(tags, list) else []
    names = [one.get("name") for one in each if isinstance(one, Mapping)]
    return [name for name in names if isinstance(name, str)]


def _uuids(one: Json) -> Iterator[UUID]:
    """The id of an attribute, where it is one."""
    try:
        yield UUID(str(one.get("uuid")))
    except ValueError:
        return


def _under(sent: object, name: str) -> Json:
    """A thing of MISP's, bare or under its name. raises: PostedEventError."""
    body = sent.get(name, sent) if isinstance(sent, Mapping) else sent
    if not isinstance(body, Mapping):
        raise PostedEventError(name, "is missing: write {…}")
    return body


def _list(body: Json, name: str) -> list[object]:
    """A list in a thing of MISP's; none where it has none. raises: PostedEventError."""
    found = body.get(name) or []
    if not isinstance(found, list):
        raise PostedEventError(name, "is no list: write [ … ]")
    return found


def _is_on(sent: object) -> bool:
    """A switch, as MISP and PyMISP write one."""
    return sent in (True, 1, "1", "true")
