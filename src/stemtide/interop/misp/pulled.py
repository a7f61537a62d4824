# SPDX-License-Identifier: Apache-2.0
"""Convert MISP events to source records: file hashes, URLs, PDQ hashes of objects.

source: MISP core format (draft-dulaunoy-misp-core-format).
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.exchanges import RecordError, SourceRecord
from stemtide.interop.misp.events import signal_uids
from stemtide.interop.vocabulary import RefusedTagError, TagMeaning, parse_tags, strictest_marks
from stemtide.protocol.handling import Pap, Tlp

MAX_ATTRIBUTES = 20_000
"""Maximum attributes of an event; a larger one is refused."""

MAX_TAGS = 200
"""Maximum tags of an event. Each attribute's version includes them, which multiplies their cost."""

_KIND_OF = {"md5": Kind.MD5, "sha256": Kind.SHA256, "url": Kind.URL}
_TLP_OF = {"0": Tlp.AMBER_STRICT, "4": Tlp.AMBER, "1": Tlp.GREEN, "2": Tlp.GREEN}
"""Loosest TLP of each distribution, the narrowest first: an organisation, a sharing group, a
community, and those connected to it."""

_SHARING_GROUP = "4"
_ONLY_WITHIN = frozenset({"0", _SHARING_GROUP})
"""Distributions that restrict an attribute without a TLP of its own, too."""

_LAST_S = 253_402_300_799
_MAX_DIGITS = 15


AudienceOf: TypeAlias = Callable[[frozenset[str]], tuple[str, ...]]
"""Returns the parties that may see what is restricted to all of these sharing groups."""


class EventError(ValueError):
    """An event that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class _Event:
    """Properties of an event that apply to all its attributes.

    refused: why none is taken. distribution: how far MISP may pass it on; None if it is a feed's,
    which anyone with the feed has. group: number of its sharing group, if it is for one.
    audience_of: returns the parties that all of some sharing groups, by number, consist of.
    """

    words: TagMeaning
    refused: str
    tags: tuple[str, ...]
    maker: str
    stamp: int | None
    distribution: str | None = None
    group: str = ""
    audience_of: AudienceOf | None = None


def read_event(
    sent: object, *, is_api: bool = False, audience_of: AudienceOf | None = None
) -> tuple[list[SourceRecord], list[RecordError], int]:
    """Return an event's records, its errors, and the number of attributes that are not signals.

    is_api: whether it came by MISP's API, so that its distribution restricts it.
    audience_of: returns the parties that all of some sharing groups, by number, consist of; empty
    if others can read in one of them.

    raises: EventError.
    """
    body = sent.get("Event") if isinstance(sent, dict) else None
    if not isinstance(body, dict):
        raise EventError("it is no event")
    attributes = list(attributes_of(body))
    if len(attributes) > MAX_ATTRIBUTES:
        raise EventError(f"it has more than {MAX_ATTRIBUTES:,} attributes")
    # Once per event: its tags would otherwise be read for each of 20,000 attributes.
    event = replace(_event(body, is_api=is_api), audience_of=audience_of)
    records: list[SourceRecord] = []
    faults: list[RecordError] = []
    others = 0
    for attribute in attributes:
        read = kind_and_value(attribute)
        if read is None:
            others += 1
            continue
        key = str(attribute.get("uuid"))[:80]
        try:
            records.append(_read(attribute, kind=read[0], value=read[1], event=event, key=key))
        except (EventError, RefusedTagError) as error:
            faults.append(RecordError(key, str(error)[:300]))
    return records, faults, others


def _event(body: dict[str, Any], *, is_api: bool) -> _Event:
    """Return the properties that apply to all attributes of an event. raises: EventError."""
    tags = tuple(sorted(_names(body)))
    if len(tags) > MAX_TAGS:
        raise EventError(f"it has more than {MAX_TAGS} tags")
    maker = body.get("Orgc")
    uuid = maker.get("uuid") if isinstance(maker, dict) else None
    words, refused = TagMeaning(), ""
    try:
        words = parse_tags(tags)
    except RefusedTagError as error:
        refused = str(error)
    distribution = str(body.get("distribution")) if is_api else None
    stamp, group = stamp_of(body.get("timestamp")), str(body.get("sharing_group_id"))
    return _Event(words, refused, tags, str(uuid), stamp, distribution, group)


def attributes_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all attributes of an event; those of objects with the object's name and deletion."""
    for attribute in objects_in(body.get("Attribute")):
        yield attribute
    for thing in objects_in(body.get("Object")):
        for attribute in objects_in(thing.get("Attribute")):
            ended = _is_set(attribute.get("deleted")) or _is_set(thing.get("deleted"))
            group = {
                "object": thing.get("name"),
                "object_distribution": thing.get("distribution"),
                "object_sharing_group_id": thing.get("sharing_group_id"),
            }
            yield {**attribute, **group, "deleted": ended}


def kind_and_value(attribute: dict[str, Any]) -> tuple[Kind, str] | None:
    """Return the kind and value of an attribute, or None if it is not a signal."""
    kind, value = str(attribute.get("type")), attribute.get("value")
    if not isinstance(value, str):
        return None
    relation = str(attribute.get("object_relation", "")).lower()
    if relation == "pdq" or kind == "pdq":
        return Kind.PDQ, value.strip().lower()
    if "|" in kind:  # filename|sha256: a pair
        kind, value = kind.rpartition("|")[2], value.rpartition("|")[2]
        if kind == "url":
            return None
    if kind not in _KIND_OF:
        return None
    return _KIND_OF[kind], value.strip() if kind == "url" else value.strip().lower()


def _read(
    attribute: dict[str, Any], *, kind: Kind, value: str, event: _Event, key: str
) -> SourceRecord:
    """Convert an attribute to a record. raises: EventError, RefusedTagError."""
    if event.refused:
        raise RefusedTagError(event.refused)
    try:
        uuid = UUID(key)
    except ValueError as error:
        raise EventError("uuid: is none") from error
    own = tuple(_names(attribute))
    ended = _is_set(attribute.get("deleted"))
    is_for_machines = _is_set(attribute.get("to_ids"))
    reach = _reach(attribute, event=event)
    audience = _audience(attribute, event=event) if reach == _SHARING_GROUP else ()
    levels = [] if event.distribution is None else [reach, *audience]
    version = _digest([kind.value, value, ended, is_for_machines, sorted(own), event.tags, *levels])
    stamp = stamp_of(attribute.get("timestamp")) or event.stamp
    said_at = datetime.fromtimestamp(stamp, UTC) if stamp is not None else None
    if ended:
        return SourceRecord(str(uuid), version, said_at=said_at)
    words = parse_tags(own)
    facts = _facts(event.words, words, reach=reach)
    facts |= {"kind": kind, "value": value}
    if kind is not Kind.PDQ and not is_for_machines:
        facts["pap"] = min(facts.get("pap", Pap.AMBER), Pap.AMBER, key=list(Pap).index)
    return SourceRecord(
        str(uuid),
        version,
        said_at=said_at,
        facts=facts,
        is_exercise=words.is_exercise or event.words.is_exercise,
        is_disputed=words.is_disputed or event.words.is_disputed,
        via=tuple(words.via or event.words.via),
        signals=signal_uids(uuid, crisis=None),
        makers=(event.maker,),
        audience=audience,
    )


def _facts(of_event: TagMeaning, own: TagMeaning, *, reach: str) -> dict[str, Any]:
    """Return the facts in the tags of an event and of an attribute, which has the last word.

    The strictest marks count. reach: how far MISP may pass it on.
    """
    marks = strictest_marks([of_event.facts, own.facts])
    if reach in _ONLY_WITHIN or (reach in _TLP_OF and "tlp" in marks):
        marks = strictest_marks([marks, {"tlp": _TLP_OF[reach]}])
    return {**of_event.facts, **own.facts, **marks}


def _names(sent: dict[str, Any]) -> Iterator[str]:
    """Yield the names of tags."""
    for tag in objects_in(sent.get("Tag")):
        if isinstance(tag.get("name"), str):
            yield tag["name"]


def objects_in(sent: object) -> list[dict[str, Any]]:
    """Return the objects in a list; an empty list for anything that is not a list."""
    return (
        [element for element in sent if isinstance(element, dict)] if isinstance(sent, list) else []
    )


def stamp_of(sent: object) -> int | None:
    """Return a MISP timestamp (text or number) in seconds, None if it is missing or invalid."""
    text = "" if sent is None else str(sent)
    is_time = text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_time and int(text) <= _LAST_S else None


def _reach(attribute: dict[str, Any], *, event: _Event) -> str:
    """Return the narrowest distribution of an attribute, its object and its event; "" if none."""
    if event.distribution is None:
        return ""
    levels = {str(attribute.get(name)) for name in ("distribution", "object_distribution")}
    levels.add(event.distribution)
    return next((level for level in _TLP_OF if level in levels), "")


def _audience(attribute: dict[str, Any], *, event: _Event) -> tuple[str, ...]:
    """Return the parties of the sharing groups that restrict an attribute; empty if unknown."""
    if event.audience_of is None:
        return ()
    levels = (
        (event.distribution, event.group),
        *(
            (str(attribute.get(f"{of}distribution")), str(attribute.get(f"{of}sharing_group_id")))
            for of in ("", "object_")
        ),
    )
    groups = frozenset(group for level, group in levels if level == _SHARING_GROUP)
    return event.audience_of(groups)


def _is_set(sent: object) -> bool:
    """Whether a MISP flag is set, in any of its spellings."""
    return sent is True or str(sent).lower() in {"1", "true"}


def _digest(content: list[object]) -> str:
    """Return a digest of an attribute's content that does not depend on its timestamp."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]
