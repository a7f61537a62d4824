# SPDX-License-Identifier: Apache-2.0
"""Signals as MISP has them: events with attributes, objects and tags, and what a feed lists.

A hash or an address is an attribute. A PDQ hash is one of an object, as MISP has no type for it; it
is never told to detection systems, which could only compare it for being equal.

source: MISP core format (draft-dulaunoy-misp-core-format); MISP's own readers of feeds.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.stix import as_random, named_uuid, tag, uids_behind
from stemtide.protocol.words import SignalState

Json: TypeAlias = dict[str, Any]
"""One thing of MISP's."""

MAX_SIGNALS = 5_000
"""Signals in one event. MISP fetches an event whole whenever one of its attributes changes."""

QUIET_S = 60
"""Seconds after a change during which timestamps follow the clock.

MISP fetches an event anew when its timestamp, in whole seconds, is higher than before. A change in
the second of the last fetch would have the same, and so would never be fetched.
"""

VERSION = "2.5.20"
"""The version of MISP whose addresses these are, as its clients ask for one."""

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
    """One event of a feed, without what is in it.

    block:     signals are put together by their number, MAX_SIGNALS to an event.
    crisis:    whose signals these are; None for all.
    title:     of the crisis; "" for none.
    tlp:       the strictest of its signals. timestamp: in seconds; higher after every change.
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
        """Its id, the same for every reader."""
        return named_uuid(f"{self.hub}\nmisp\n{self.crisis or 'standing'}\n{self.block}")


def rising(stamp_s: int, *, now: datetime) -> int:
    """A timestamp for what changed last in a second, so that no reader misses a later change."""
    return min(max(int(now.timestamp()), stamp_s), stamp_s + QUIET_S)


def attribute_uuid(uid: UUID, *, crisis: UUID | None) -> UUID:
    """The id of a signal's attribute. In MISP one belongs to one event: a crisis has its own."""
    return _masked(as_random(uid), crisis)


def signal_uids(uuid: UUID, *, crisis: UUID | None) -> tuple[UUID, ...]:
    """The signals that an attribute of all events, or of those of one crisis, may stand for."""
    return uids_behind(_masked(uuid, crisis))


def manifest_entry(head: EventHead) -> Json:
    """What the manifest says of an event."""
    return {
        "Orgc": _organisation(head.hub),
        "Tag": _event_tags(head),
        "info": _info(head),
        "date": f"{head.since:%Y-%m-%d}",
        "analysis": "1",
        "threat_level_id": "1" if head.crisis else "4",
        "timestamp": str(head.timestamp),
    }


def event(head: EventHead, rows: Iterable[Mapping[str, Any]], *, now: datetime) -> Json:
    """An event with what is in it. rows: signals as reads_misp gives them."""
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
    """The attribute of a signal. One that ended is marked as deleted: MISP deletes nothing else."""
    kind = Kind(row["kind"])
    name, category = TYPE_OF[kind]
    return {
        "uuid": str(attribute_uuid(row["id"], crisis=head.crisis)),
        "type": name,
        "category": category,
        "value": value_of(row),
        "to_ids": is_for_detection(row),
        "timestamp": str(rising(row["stamp_s"], now=now)),
        "comment": f"Shared by {row['shared_by']}. A match is a pointer, not a verdict.",
        "disable_correlation": False,
        "deleted": row["state"] != SignalState.LIVE,
        "Tag": _tags(row, hub=head.hub),
        **({"object_relation": "pdq"} if kind is Kind.PDQ else {}),
    }


def value_of(row: Mapping[str, Any]) -> str:
    """What the attribute of a signal holds."""
    return f"https://{row['url']}" if row["kind"] == Kind.URL else str(row["value"])


def is_for_detection(row: Mapping[str, Any]) -> bool:
    """Whether MISP may hand a signal to what acts by itself: as far as its marks let it."""
    may_act = row["pap"] in {Pap.GREEN, Pap.CLEAR} and not row["disputed"]
    return may_act and row["kind"] != Kind.PDQ and row["state"] == SignalState.LIVE


def hash_lines(head: EventHead, rows: Iterable[Mapping[str, Any]]) -> str:
    """The lines of hashes.csv for what still matches in an event: by them MISP looks values up."""
    live = (value_of(row) for row in rows if row["state"] == SignalState.LIVE)
    name = str(head.uuid)
    return "".join(
        f"{hashlib.md5(one.encode(), usedforsecurity=False).hexdigest()},{name}\n" for one in live
    )


def strictest(labels: Iterable[str]) -> Tlp:
    """The strictest of some labels of TLP."""
    order: Sequence[Tlp] = list(Tlp)
    return min(map(Tlp, labels), key=order.index)


def _masked(uuid: UUID, other: UUID | None) -> UUID:
    """A UUID with the free bits of another turned over; done twice it is the first one again."""
    if other is None:
        return uuid
    turned = hashlib.sha256(other.bytes).digest()[:16]
    return UUID(int=uuid.int ^ (int.from_bytes(turned, "big") & ~_FIXED_BITS))


def _object(row: Mapping[str, Any], *, head: EventHead, now: datetime) -> Json:
    """The object of a PDQ hash."""
    inner = attribute(row, head=head, now=now)
    return {
        "uuid": str(_masked(UUID(inner["uuid"]), _OBJECT)),
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
    """The id of the organisation that a hub is in MISP."""
    return named_uuid(f"{hub}\nmisp\norganisation")


def _organisation(hub: UUID) -> Json:
    """Whose events these are: the hub's, which passes on what its parties share."""
    return {"name": "Stemtide hub", "uuid": str(organisation_uuid(hub))}


def _info(head: EventHead) -> str:
    """The title of an event."""
    what = f"crisis {head.title}" if head.crisis else "signals"
    return f"Stemtide: {what}, part {head.block + 1}"


def _event_tags(head: EventHead) -> list[Json]:
    """The tags of an event: by them a feed is filtered."""
    found = [_tlp_tag(head.tlp)]
    what = tag("crisis", head.crisis) if head.crisis else tag("collection", "signals")
    return [*found, _tag(what)]


def _tags(row: Mapping[str, Any], *, hub: UUID) -> list[Json]:
    """The tags of a signal's attribute; the hubs that it came through are the last."""
    found = [_tlp_tag(Tlp(row["tlp"])), _tag(f"PAP:{row['pap'].upper()}")]
    found += [_tag(tag("label", one)) for one in row["labels"]]
    found += [_tag(tag("severity", row["severity"])), _tag(tag("origin", row["provenance"]))]
    found.append(_tag(tag("confidence", row["confidence"])))
    if row["disputed"]:
        found.append(_tag(tag("disputed", "yes")))
    return [*found, *(_tag(tag("via", one)) for one in (*row["via"], hub))]


def _tlp_tag(tlp: Tlp) -> Json:
    """A tag of MISP's taxonomy of TLP."""
    return {"name": f"tlp:{tlp}", "colour": _COLOURS[tlp]}


def _tag(name: str) -> Json:
    """Another tag."""
    return {"name": name, "colour": _PLAIN_COLOUR}
