# SPDX-License-Identifier: Apache-2.0
"""Convert signals to MISP: events with attributes, objects and tags, and a feed's manifest.

A hash or a URL is an attribute. A PDQ hash is an attribute of an object, as MISP has no type for
it; it is never flagged for detection systems, which could only compare it for equality.

source: MISP core format (draft-dulaunoy-misp-core-format); MISP's own readers of feeds.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.stix.objects import as_random, named_uuid, original_uids, tag
from stemtide.protocol.enums import SignalState
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.shared_words import words_of

Json: TypeAlias = dict[str, Any]
"""A MISP entity."""

MAX_SIGNALS = 5_000
"""Maximum signals of an event. MISP fetches the whole event whenever an attribute changes."""

QUIET_S = 60
"""Seconds after a change during which timestamps follow the clock.

MISP fetches an event anew when its timestamp, in whole seconds, is higher than before. A change in
the second of the last fetch would have the same, and so would never be fetched.
"""

VERSION = "2.5.20"
"""The MISP version whose REST API this is; clients ask for it."""

TYPE_OF = {
    Kind.PDQ: ("text", "Payload delivery"),
    Kind.SHA256: ("sha256", "Payload delivery"),
    Kind.MD5: ("md5", "Payload delivery"),
    Kind.URL: ("url", "Network activity"),
}
"""Type and category of the attribute of each kind that MISP can hold."""

_TEMPLATE = "e3b6a2b0-6a0d-4a3c-9c36-5d4f8f0b7c21"
_OBJECT = UUID("5b0d6f57-93b4-4d0e-8a1c-7a4f6f2f9e10")
_FIXED_BITS = 0xF << 76 | 0x3 << 62
_COLOURS = {
    Tlp.RED: "#FF2B2B",
    Tlp.AMBER_STRICT: "#FFC000",
    Tlp.AMBER: "#FFC000",
    Tlp.GREEN: "#33FF00",
    Tlp.CLEAR: "#FFFFFF",
}
_PLAIN_COLOUR = "#4A6B8A"


@dataclass(frozen=True, slots=True)
class EventHead:
    """Metadata of a feed event, without its attributes.

    block:     signals are grouped by number, MAX_SIGNALS to an event.
    crisis:    limits the event to signals of this crisis; None for all signals.
    title:     of the crisis; "" for none.
    tlp:       the strictest of its signals. timestamp: in seconds; increases with every change.
    """

    hub: UUID
    block: int
    crisis: UUID | None
    title: str
    tlp: Tlp
    timestamp: int
    since: datetime

    @property
    def uuid(self) -> UUID:
        """Return the id of the event, the same for every reader."""
        return named_uuid(f"{self.hub}\nmisp\n{self.crisis or 'standing'}\n{self.block}")


def rising_timestamp(stamp_s: int, *, now: datetime) -> int:
    """Return a timestamp for the latest change, such that readers do not miss a later one."""
    return min(max(int(now.timestamp()), stamp_s), stamp_s + QUIET_S)


def attribute_uuid(uid: UUID, *, crisis: UUID | None) -> UUID:
    """Return the id of a signal's attribute.

    In MISP an attribute belongs to one event, so the ids of a crisis's event are different.
    """
    return _xored(as_random(uid), crisis)


def object_uuid(attribute: UUID) -> UUID:
    """Return the id of the object that holds the attribute of a PDQ hash."""
    return _xored(attribute, _OBJECT)


def signal_uids(uuid: UUID, *, crisis: UUID | None) -> tuple[UUID, ...]:
    """Return the ids of signals that an attribute id may stand for.

    crisis: whose event has the attribute; None for the event of all signals.
    """
    return original_uids(_xored(uuid, crisis))


def manifest_entry(head: EventHead) -> Json:
    """Return the manifest's entry for an event."""
    return {
        "Orgc": _organisation(head.hub),
        "Tag": _event_tags(head),
        "info": _title(head),
        "date": f"{head.since:%Y-%m-%d}",
        "analysis": "1",
        "threat_level_id": "1" if head.crisis else "4",
        "timestamp": str(head.timestamp),
    }


def event(head: EventHead, rows: Iterable[Mapping[str, Any]], *, now: datetime) -> Json:
    """Return a complete event. rows: signals as the room of signals returns them for MISP."""
    rows = list(rows)
    loose = [attribute(row, head=head, now=now) for row in rows if row["kind"] != Kind.PDQ]
    objects = [_object(row, head=head, now=now) for row in rows if row["kind"] == Kind.PDQ]
    return {
        "Event": {
            "uuid": str(head.uuid),
            **manifest_entry(head),
            "publish_timestamp": str(head.timestamp),
            "published": True,
            "extends_uuid": "",
            "Attribute": loose,
            "Object": objects,
        }
    }


def attribute(row: Mapping[str, Any], *, head: EventHead, now: datetime) -> Json:
    """Return a signal's attribute. Ended signals are marked deleted: MISP deletes nothing else."""
    kind = Kind(row["kind"])
    name, category = TYPE_OF[kind]
    return {
        "uuid": str(attribute_uuid(row["id"], crisis=head.crisis)),
        "type": name,
        "category": category,
        "value": value_of(row),
        "to_ids": is_for_detection(row),
        "timestamp": str(rising_timestamp(row["stamp_s"], now=now)),
        "comment": f"Shared by {row['shared_by']}. A match is a pointer, not a verdict.",
        "disable_correlation": False,
        "deleted": row["state"] != SignalState.LIVE,
        "Tag": _tags(row, hub=head.hub),
        **({"object_relation": "pdq"} if kind is Kind.PDQ else {}),
    }


def value_of(row: Mapping[str, Any]) -> str:
    """Return the value of a signal's attribute."""
    return f"https://{row['url']}" if row["kind"] == Kind.URL else str(row["value"])


def is_for_detection(row: Mapping[str, Any]) -> bool:
    """Whether MISP may pass a signal to systems that act automatically, as its marks allow."""
    may_act = row["pap"] in {Pap.GREEN, Pap.CLEAR} and not row["disputed"]
    may_act = may_act and not row.get("exercise")  # feeds have no exercises
    return may_act and row["kind"] != Kind.PDQ and row["state"] == SignalState.LIVE


def hash_lines(head: EventHead, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return hashes.csv lines for an event's live signals: MISP looks values up by them.

    rows: kind, value and url of each live signal.
    """
    name = str(head.uuid)
    return "".join(
        f"{hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()},{name}\n"
        for value in map(value_of, rows)
    )


def strictest(labels: Iterable[str]) -> Tlp:
    """Return the strictest of some TLP labels."""
    order: Sequence[Tlp] = list(Tlp)
    return min(map(Tlp, labels), key=order.index)


def _xored(uuid: UUID, other: UUID | None) -> UUID:
    """Return a UUID whose free bits are XORed with a digest of another; twice undoes it."""
    if other is None:
        return uuid
    turned = hashlib.sha256(other.bytes).digest()[:16]
    return UUID(int=uuid.int ^ (int.from_bytes(turned, "big") & ~_FIXED_BITS))


def _object(row: Mapping[str, Any], *, head: EventHead, now: datetime) -> Json:
    """Return the object of a PDQ hash."""
    inner = attribute(row, head=head, now=now)
    return {
        "uuid": str(object_uuid(UUID(inner["uuid"]))),
        "name": "perceptual-hash",
        "meta-category": "file",
        "description": "A perceptual hash of a picture: PDQ, 256 bits, to be compared by distance",
        "template_uuid": _TEMPLATE,
        "template_version": "1",
        "timestamp": inner["timestamp"],
        "comment": "",
        "deleted": inner["deleted"],
        "ObjectReference": [],
        "Attribute": [inner],
    }


def organisation_uuid(hub: UUID) -> UUID:
    """Return the id of a hub's organisation in MISP."""
    return named_uuid(f"{hub}\nmisp\norganisation")


def _organisation(hub: UUID) -> Json:
    """Return the organisation of all events: the hub, on behalf of its parties."""
    return {"name": "Stemtide hub", "uuid": str(organisation_uuid(hub))}


def _title(head: EventHead) -> str:
    """Return the title of an event."""
    subject = f"crisis {head.title}" if head.crisis else "signals"
    return f"Stemtide: {subject}, part {head.block + 1}"


def _event_tags(head: EventHead) -> list[Json]:
    """Return an event's tags, by which readers filter a feed."""
    tags = [_tlp_tag(head.tlp)]
    collection_tag = tag("crisis", head.crisis) if head.crisis else tag("collection", "signals")
    return [*tags, _tag(collection_tag)]


def _tags(row: Mapping[str, Any], *, hub: UUID) -> list[Json]:
    """Return the tags of a signal's attribute; the hubs that it came through are the last."""
    tags = [_tlp_tag(Tlp(row["tlp"])), _tag(f"PAP:{row['pap'].upper()}")]
    tags += [_tag(tag("label", label)) for label in row["labels"]]
    tags += [_tag(tag("severity", row["severity"])), _tag(tag("origin", row["provenance"]))]
    tags.append(_tag(tag("confidence", row["confidence"])))
    shared = words_of(row["labels"], provenance=row["provenance"])
    tags += [_tag(tag(name, word)) for name, words in shared.items() for word in words]
    if row["disputed"]:
        tags.append(_tag(tag("disputed", "yes")))
    if row.get("exercise"):
        tags += [_tag(tag("exercise", "yes")), _tag('exercise:generic="comcheck"')]
    return [*tags, *(_tag(tag("via", hub_id)) for hub_id in (*row["via"], hub))]


def _tlp_tag(tlp: Tlp) -> Json:
    """Return a tag of MISP's TLP taxonomy."""
    return {"name": f"tlp:{tlp}", "colour": _COLOURS[tlp]}


def _tag(name: str) -> Json:
    """Return a tag that is not of the TLP taxonomy."""
    return {"name": name, "colour": _PLAIN_COLOUR}
