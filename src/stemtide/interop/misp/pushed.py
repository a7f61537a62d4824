# SPDX-License-Identifier: Apache-2.0
"""Build events for a MISP that the hub pushes to.

An event has the signals of one TLP and one sharing group, at most SIGNALS_OF_EVENT, and its id
follows from them. So the same push again changes nothing, a second exchange with another sharing
group does not open the events of the first, and MISP's distribution keeps the TLP:

clear             all communities
green             this community
amber             the sharing group of the exchange, or this organisation only

The signals of an audience, of any TLP, are in events of their own in a sharing group, whose ids do
not follow from them: MISP may not take an event again that was deleted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stemtide.interop.misp.events import EventHead, Json, attribute_uuid, event
from stemtide.interop.stix.objects import named_uuid
from stemtide.protocol.handling import Tlp

SIGNALS_OF_EVENT = 1_000
"""Maximum signals of an event: MISP answers a push with the whole event."""

_OWN_ORGANISATION, _COMMUNITY, _ALL, _SHARING_GROUP = "0", "1", "3", "4"
_INHERIT = "5"


@dataclass(frozen=True, slots=True)
class EventKey:
    """What the signals of one event have in common.

    block: their number, in parts. sharing_group: to which MISP may pass them on; None for no one.
    own: the id of an event of one audience. group_uuid: of the sharing group that has it.
    """

    tlp: Tlp
    block: int
    sharing_group: int | None = None
    own: UUID | None = None
    group_uuid: UUID | None = None

    def uuid(self, hub: str) -> UUID:
        """Return the id of the event."""
        if self.own is not None:
            return self.own
        name = f"{hub}\nmisp push\n{self.tlp}\n{self.block}"
        return named_uuid(name if self.sharing_group is None else f"{name}\n{self.sharing_group}")


def key_of(row: Mapping[str, Any], *, sharing_group: int | None) -> EventKey:
    """Return the event that a signal belongs to. sharing_group: of the exchange, for TLP:AMBER."""
    tlp = Tlp(row["tlp"])
    group = sharing_group if tlp is Tlp.AMBER else None
    return EventKey(tlp, row["pk"] // SIGNALS_OF_EVENT, group)


def pushed_event(
    key: EventKey,
    rows: Iterable[Mapping[str, Any]],
    *,
    hub: str,
    now: datetime,
) -> Json:
    """Return an event with some of its signals, for adding or editing it."""
    stamp = int(now.timestamp())
    head = EventHead(UUID(hub), key.block, None, "", key.tlp, stamp, now)
    signals = [{**row, "stamp_s": stamp} for row in rows]
    bits = {str(attribute_uuid(row["id"], crisis=None)): row["within_bits"] for row in signals}
    built: Json = event(head, signals, now=now)["Event"]
    for thing in built["Object"]:
        (pdq,) = thing["Attribute"]
        thing["distribution"] = _INHERIT
        if bits[pdq["uuid"]] is not None:
            thing["Attribute"].append(_distance(pdq, bits=bits[pdq["uuid"]]))
    for attribute in _attributes(built):
        attribute["distribution"] = _INHERIT
    # MISP sets its own time, and publishing is left to the people of that MISP.
    for name in ("timestamp", "publish_timestamp", "published", "extends_uuid"):
        del built[name]
    title = f"Stemtide: signals, TLP:{key.tlp.upper()}, part {key.block + 1}"
    return {
        "Event": {
            **built,
            "uuid": str(key.uuid(hub)),
            "info": title,
            **_distribution(key),
        }
    }


def attribute_id(row: Mapping[str, Any]) -> str:
    """Return the id of the attribute with a signal's value."""
    return str(attribute_uuid(row["id"], crisis=None))


def attribute_ids(answered: object) -> set[str]:
    """Return the ids of the attributes in an event as MISP answers it, without deleted ones."""
    body = answered.get("Event") if isinstance(answered, dict) else None
    if not isinstance(body, dict):
        return set()
    return {
        str(attribute.get("uuid"))
        for attribute in _attributes(body)
        if attribute.get("deleted") in {None, False, "0"}  # and 0
    }


def is_in_group(answered: object, *, key: EventKey) -> bool:
    """Whether an event, as MISP answers it, is distributed to the sharing group of its key."""
    body = answered.get("Event") if isinstance(answered, dict) else None
    if not isinstance(body, dict):
        return False
    group = body.get("SharingGroup")
    shown = group.get("uuid") if isinstance(group, dict) else None
    is_named = str(body.get("distribution")) == _SHARING_GROUP and (
        str(body.get("sharing_group_id")) == str(key.sharing_group)
    )
    return is_named and (shown is None or str(shown).lower() == str(key.group_uuid))


def _attributes(body: Mapping[str, Any]) -> list[Json]:
    """Return the attributes of an event, and those of its objects."""
    things = [thing for thing in body.get("Object") or [] if isinstance(thing, dict)]
    groups = [body, *things]
    return [
        attribute
        for group in groups
        for attribute in group.get("Attribute") or []
        if isinstance(attribute, dict)
    ]


def _distance(pdq: Json, *, bits: int) -> Json:
    """Return the attribute with the distance of a PDQ hash: in bits, up to which it matches."""
    return {
        "uuid": str(named_uuid(f"{pdq['uuid']}\nwithin-bits")),
        "type": "counter",
        "category": "Other",
        "object_relation": "within-bits",
        "value": str(bits),
        "to_ids": False,
        "disable_correlation": True,
        "timestamp": pdq["timestamp"],
    }


def _distribution(key: EventKey) -> Json:
    """Return to whom MISP may pass an event on: never further than its TLP allows."""
    if key.sharing_group is not None:
        return {"distribution": _SHARING_GROUP, "sharing_group_id": str(key.sharing_group)}
    if key.tlp is Tlp.CLEAR:
        return {"distribution": _ALL}
    if key.tlp is Tlp.GREEN:
        return {"distribution": _COMMUNITY}
    return {"distribution": _OWN_ORGANISATION}
