# SPDX-License-Identifier: Apache-2.0
"""Events of a MISP feed as records of an exchange: hashes, addresses, PDQ hashes of objects.

source: MISP core format (draft-dulaunoy-misp-core-format).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.exchange_words import (
    RefusedWordError,
    Words,
    read_words,
    strictest_marks,
)
from stemtide.protocol.exchanges import Fault, Told
from stemtide.protocol.handling import Pap
from stemtide.protocol.misp import signal_uids

MAX_ATTRIBUTES = 20_000
"""Attributes of one event; one with more is not looked at."""

MAX_TAGS = 200
"""Tags of one event: each attribute is known by them, so that they cost as often as it has any."""

_KIND_OF = {"md5": Kind.MD5, "sha256": Kind.SHA256, "url": Kind.URL}
_LAST_S = 253_402_300_799
_MAX_DIGITS = 15


class EventError(ValueError):
    """An event that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class _Event:
    """What an event says of all its attributes. refused: why none of them is taken; "" else."""

    words: Words
    refused: str
    tags: tuple[str, ...]
    maker: str
    stamp: int | None


def read_event(sent: object) -> tuple[list[Told], list[Fault], int]:
    """What an event says: records, faults, and how many attributes are no signals.

    raises: EventError.
    """
    body = sent.get("Event") if isinstance(sent, dict) else None
    if not isinstance(body, dict):
        raise EventError("it is no event")
    attributes = list(_attributes(body))
    if len(attributes) > MAX_ATTRIBUTES:
        raise EventError(f"it has more than {MAX_ATTRIBUTES:,} attributes")
    event = _event(body)  # once: asked of each attribute, its tags would be read 20,000 times
    told: list[Told] = []
    faults: list[Fault] = []
    others = 0
    for attribute in attributes:
        found = _kind_and_value(attribute)
        if found is None:
            others += 1
            continue
        key = str(attribute.get("uuid"))[:80]
        try:
            told.append(_read(attribute, found=found, event=event, key=key))
        except (EventError, RefusedWordError) as error:
            faults.append(Fault(key, str(error)[:300]))
    return told, faults, others


def _event(body: dict[str, Any]) -> _Event:
    """What an event says of all its attributes. raises: EventError."""
    tags = tuple(sorted(_names(body)))
    if len(tags) > MAX_TAGS:
        raise EventError(f"it has more than {MAX_TAGS} tags")
    maker = body.get("Orgc")
    uuid = maker.get("uuid") if isinstance(maker, dict) else None
    words, refused = Words(), ""
    try:
        words = read_words(tags)
    except RefusedWordError as error:
        refused = str(error)
    return _Event(words, refused, tags, str(uuid), _stamp(body))


def _attributes(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All attributes of an event; those of objects with the object's name, and its end."""
    for one in _dicts(body.get("Attribute")):
        yield one
    for thing in _dicts(body.get("Object")):
        for one in _dicts(thing.get("Attribute")):
            ended = _is_on(one.get("deleted")) or _is_on(thing.get("deleted"))
            yield {**one, "deleted": ended, "object": thing.get("name")}


def _kind_and_value(one: dict[str, Any]) -> tuple[Kind, str] | None:
    """What an attribute is to us; None for what is no signal."""
    kind, value = str(one.get("type")), one.get("value")
    if not isinstance(value, str):
        return None
    relation = str(one.get("object_relation", "")).lower()
    if relation == "pdq" or kind == "pdq":
        return Kind.PDQ, value.strip().lower()
    if "|" in kind:  # filename|sha256: a pair
        kind, value = kind.rpartition("|")[2], value.rpartition("|")[2]
        if kind == "url":
            return None
    if kind not in _KIND_OF:
        return None
    return _KIND_OF[kind], value.strip() if kind == "url" else value.strip().lower()


def _read(one: dict[str, Any], *, found: tuple[Kind, str], event: _Event, key: str) -> Told:
    """One attribute. raises: EventError, RefusedWordError."""
    if event.refused:
        raise RefusedWordError(event.refused)
    try:
        uuid = UUID(key)
    except ValueError as error:
        raise EventError("uuid: is none") from error
    kind, value = found
    own = tuple(_names(one))
    ended = _is_on(one.get("deleted"))
    is_for_machines = _is_on(one.get("to_ids"))
    version = _digest([kind.value, value, ended, is_for_machines, sorted(own), event.tags])
    stamp = _stamp(one) or event.stamp
    said_at = datetime.fromtimestamp(stamp, UTC) if stamp is not None else None
    if ended:
        return Told(str(uuid), version, said_at=said_at)
    words = read_words(own)
    said = (event.words.facts, words.facts)
    facts = {**said[0], **said[1], **strictest_marks(said), "kind": kind, "value": value}
    if kind is not Kind.PDQ and not is_for_machines:
        facts["pap"] = min(facts.get("pap", Pap.AMBER), Pap.AMBER, key=list(Pap).index)
    return Told(
        str(uuid),
        version,
        said_at=said_at,
        facts=facts,
        is_exercise=words.is_exercise or event.words.is_exercise,
        is_disputed=words.is_disputed or event.words.is_disputed,
        via=tuple(words.via or event.words.via),
        signals=signal_uids(uuid, crisis=None),
        makers=(event.maker,),
    )


def _names(sent: dict[str, Any]) -> Iterator[str]:
    """The names of tags."""
    for one in _dicts(sent.get("Tag")):
        if isinstance(one.get("name"), str):
            yield one["name"]


def _dicts(sent: object) -> list[dict[str, Any]]:
    """The objects in a list; none in what is no list."""
    return [one for one in sent if isinstance(one, dict)] if isinstance(sent, list) else []


def _stamp(sent: dict[str, Any]) -> int | None:
    """A timestamp of MISP's, which is text or a number; None for none."""
    text = str(sent.get("timestamp", ""))
    is_time = text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_time and int(text) <= _LAST_S else None


def _is_on(sent: object) -> bool:
    """A switch of MISP's, in any of its spellings."""
    return sent is True or str(sent).lower() in {"1", "true"}


def _digest(said: list[object]) -> str:
    """A digest of what an attribute says, whenever it says it."""
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:40]
