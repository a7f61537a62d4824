# SPDX-License-Identifier: Apache-2.0
"""Convert events that a partner's MISP posts to signals: one for each hash and URL.

Attributes of types that uploads are not compared with are left out and listed. An attribute that
is not flagged for detection (to_ids) is for people: PAP:AMBER at most. Refused are attributes
that must not be passed on, and events of another party of the hub: the poster shares signals as
its own. The creator's e-mail address (event_creator_email) is not read, as persons are not
stored.

source: MISP core format (draft-dulaunoy-misp-core-format).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.stix.authors import OtherParties
from stemtide.interop.stix.objects import read_tags
from stemtide.interop.stix.posted import DEFAULT_LABEL
from stemtide.interop.vocabulary import (
    RefusedTagError,
    TagMeaning,
    TooManyTagsError,
    parse_tags,
    strictest_marks,
)
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.messages.signals import MAX_BULK, SignalIn

Json = Mapping[str, Any]

_KIND_OF = {"md5": Kind.MD5, "sha256": Kind.SHA256, "url": Kind.URL}
_ORGANISATION_ONLY = "0"
_SHARING_GROUP = "4"
_NOT_ONWARD = frozenset({_ORGANISATION_ONLY, _SHARING_GROUP})
_MAX_LISTED = 100


class PostedEventError(ValueError):
    """An event cannot be taken. where: the field; the message names the remedy."""

    def __init__(self, where: str, trouble: str, *, is_routed: bool = False) -> None:
        super().__init__(trouble)
        self.where = where
        self.is_routed = is_routed


@dataclass(slots=True)
class PostedSignals:
    """Signals and omissions of a posted event.

    signals, places, ids: signals to share, the path of each in the request, and the id of its
                     attribute or None.
    left_out:        attributes that became no signal, with the reason; at most 100.
    gone:            ids of attributes that are marked as deleted.
    """

    signals: list[SignalIn] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    ids: list[UUID | None] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)

    def leave_out(self, *, place: str, kind: str, why: str) -> None:
        """Record an attribute that became no signal."""
        if len(self.left_out) < _MAX_LISTED:
            self.left_out.append({"type": kind[:80], "place": place, "why": why})

    def without(self, own_uuids: Collection[UUID]) -> "PostedSignals":
        """Return a copy without attributes that came from this hub; those count as left out."""
        rest = PostedSignals(left_out=list(self.left_out), gone=self.gone)
        for signal, place, uuid in zip(self.signals, self.places, self.ids, strict=True):
            if uuid in own_uuids:
                rest.leave_out(place=place, kind=signal.kind, why="is an attribute of ours already")
                continue
            rest.signals.append(signal)
            rest.places.append(place)
            rest.ids.append(uuid)
        return rest


def read_event(sent: object, *, others: OtherParties) -> PostedSignals:
    """Return the signals of an event, bare or wrapped in "Event".

    others: parties whose events the poster must not post. raises: PostedEventError.
    """
    body = _unwrap(sent, "Event")
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


def read_attributes(sent: object, *, crisis: UUID | None) -> PostedSignals:
    """Return the signals of an attribute or a list of attributes. raises: PostedEventError."""
    attributes = sent if isinstance(sent, list) else [_unwrap(sent, "Attribute")]
    pairs = [(f"Attribute.{place}", attribute) for place, attribute in enumerate(attributes)]
    return _read(iter(pairs), event={}, crisis=crisis)


def read_object(sent: object, *, crisis: UUID | None) -> PostedSignals:
    """Return the signals of an object. raises: PostedEventError."""
    thing = {"Object": [_unwrap(sent, "Object")]}
    return _read(_attributes(thing), event={}, crisis=crisis)


def _read(
    pairs: Iterator[tuple[str, object]], *, event: Json, crisis: UUID | None
) -> PostedSignals:
    """Return the signals of attributes, each given with its path in the request."""
    sent = PostedSignals()
    event_words = _words_of("Tag", event)
    room = crisis or _crisis_of(event)
    for count, (place, attribute) in enumerate(pairs, start=1):
        if count > MAX_BULK:
            raise PostedEventError(place, f"one event has at most {MAX_BULK:,} attributes here")
        if not isinstance(attribute, Mapping):
            raise PostedEventError(place, "is no attribute: write {…}")
        _read_one(attribute, place=place, event=event_words, room=room, into=sent)
    return sent


def _read_one(
    attribute: Json, *, place: str, event: TagMeaning, room: UUID | None, into: PostedSignals
) -> None:
    """Add an attribute: a signal, a deletion, or an omission. raises: PostedEventError."""
    words = _words_of(f"{place}.Tag", attribute)
    if words.is_exercise or event.is_exercise:
        raise PostedEventError(
            f"{place}.Tag", "exercises are not shared here: use TAXII or the hub's API"
        )
    if _is_set(attribute.get("deleted")):
        into.gone.extend(_uuids(attribute))
        return
    kind_and_value = _kind_and_value(attribute)
    why = "" if kind_and_value else "uploads are not compared with this type"
    if str(attribute.get("distribution", "")) in _NOT_ONWARD:
        why = "its distribution says that it is not for others"
    if kind_and_value is None or why:
        into.leave_out(place=place, kind=str(attribute.get("type")), why=why)
        return
    into.signals.append(
        _signal(attribute, kind_and_value, place=place, words=(event, words), room=room)
    )
    into.places.append(place)
    into.ids.append(next(_uuids(attribute), None))


def _signal(
    attribute: Json,
    kind_and_value: tuple[Kind, str],
    *,
    place: str,
    words: tuple[TagMeaning, TagMeaning],
    room: UUID | None,
) -> SignalIn:
    """Return an attribute's signal. words: the tags of the event and of the attribute.

    raises: PostedEventError.
    """
    event, own = words
    kind, value = kind_and_value
    facts: dict[str, Any] = {"labels": (DEFAULT_LABEL,), "severity": "medium", "confidence": 50}
    facts |= {"tlp": Tlp.AMBER, **event.facts, **own.facts}
    facts |= strictest_marks([event.facts, own.facts])
    if kind is not Kind.PDQ and not _is_set(attribute.get("to_ids")):
        facts["pap"] = min(facts.get("pap", Pap.AMBER), Pap.AMBER, key=list(Pap).index)
    facts |= {"kind": kind, "value": value, "crisis": _crisis_of(attribute) or room}
    facts["via"] = tuple(own.via or event.via)
    try:
        return SignalIn.model_validate(facts)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "value"
        trouble = first["msg"].removeprefix("Value error, ")[:300]
        raise PostedEventError(f"{place}.{name}", trouble) from error


def _attributes(body: Json) -> Iterator[tuple[str, object]]:
    """Yield all attributes of an event, including those of its objects, each with its path."""
    for place, attribute in enumerate(_list(body, "Attribute")):
        yield f"Attribute.{place}", attribute
    for number, thing in enumerate(_list(body, "Object")):
        if not isinstance(thing, Mapping):
            raise PostedEventError(f"Object.{number}", "is no object: write {…}")
        for place, attribute in enumerate(_list(thing, "Attribute")):
            name = f"Object.{number}.Attribute.{place}"
            if isinstance(attribute, Mapping) and _is_set(thing.get("deleted")):
                yield name, {**attribute, "deleted": 1}
            else:
                yield name, attribute


def _kind_and_value(attribute: Json) -> tuple[Kind, str] | None:
    """Return the kind and value of an attribute, or None if it is not a signal."""
    kind, value = str(attribute.get("type")), attribute.get("value")
    if not isinstance(value, str):
        return None
    if str(attribute.get("object_relation", "")).lower() == "pdq" or kind == "pdq":
        return Kind.PDQ, value.strip().lower()
    if kind.startswith("filename|"):
        kind, value = kind.partition("|")[2], value.rpartition("|")[2]
    if kind not in _KIND_OF:
        return None
    return _KIND_OF[kind], value.strip() if kind == "url" else value.strip().lower()


def _words_of(place: str, thing: Json) -> TagMeaning:
    """Return the meaning of an event's or attribute's tags. raises: PostedEventError."""
    try:
        return parse_tags(_names(thing))
    except RefusedTagError as error:
        is_routed = not isinstance(error, TooManyTagsError)
        raise PostedEventError(place, str(error), is_routed=is_routed) from error


def _crisis_of(thing: Json) -> UUID | None:
    """Return the crisis that a Stemtide tag names, or None. raises: PostedEventError."""
    for text in read_tags(_names(thing)).get("crisis", []):
        try:
            return UUID(text)
        except ValueError as error:
            raise PostedEventError("Tag", "stemtide:crisis names no crisis: its id") from error
    return None


def _names(thing: Json) -> list[str]:
    """Return the names of tags."""
    tags = thing.get("Tag")
    tag_list = tags if isinstance(tags, list) else []
    names = [entry.get("name") for entry in tag_list if isinstance(entry, Mapping)]
    return [name for name in names if isinstance(name, str)]


def _uuids(attribute: Json) -> Iterator[UUID]:
    """Yield the id of an attribute if it has a valid one."""
    try:
        yield UUID(str(attribute.get("uuid")))
    except ValueError:
        return


def _unwrap(sent: object, name: str) -> Json:
    """Return a MISP entity, bare or wrapped in its name. raises: PostedEventError."""
    body = sent.get(name, sent) if isinstance(sent, Mapping) else sent
    if not isinstance(body, Mapping):
        raise PostedEventError(name, "is missing: write {…}")
    return body


def _list(body: Json, name: str) -> list[object]:
    """Return a list of a MISP entity, empty if absent. raises: PostedEventError."""
    entries = body.get(name) or []
    if not isinstance(entries, list):
        raise PostedEventError(name, "is no list: write [ … ]")
    return entries


def _is_set(sent: object) -> bool:
    """Whether a flag is set, as MISP and PyMISP write it."""
    return sent in (True, 1, "1", "true")
