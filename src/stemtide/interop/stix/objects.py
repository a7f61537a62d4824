# SPDX-License-Identifier: Apache-2.0
"""STIX 2.1: ids, times, markings, and the objects that are the same at every hub.

Signals are in signals.py, related objects in context.py, objects posted by others in
posted.py.

source: OASIS, STIX Version 2.1 (10 June 2021); TLP 2.0 as OASIS' marking objects of 2022.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

from stemtide.protocol.handling import Tlp

Stix: TypeAlias = dict[str, Any]
"""A STIX object."""

SPEC_VERSION = "2.1"
OBJECT_MEDIA_TYPE = "application/stix+json;version=2.1"

EXTENSION = "extension-definition--0f2e6c1b-7a39-4d15-9c64-3f1d8f1b5a27"
"""Our property extension: the fields of a signal beyond its pattern."""

SCHEMA_PATH = "/schemas/stemtide-signal/1.0.json"
"""Path of the extension's JSON Schema (stix_extension.json) at every hub. Needs no API key."""

MAKER = "identity--6a6c1f4e-52c1-4b0e-8a7f-9d0e4c7b2f13"
"""Identity of the project, which defines the extension."""

_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_TLP_CREATED = "2022-10-01T00:00:00.000Z"
_OURS_CREATED = "2026-11-25T00:00:00.000Z"

MARKING_OF = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""OASIS' marking objects of TLP 2.0."""

TLP_OF = {
    **{marking: tlp for tlp, marking in MARKING_OF.items()},
    # STIX 2.1 section 7.2.1.4 has those of TLP 1, whose white is clear today.
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}
"""TLP label of each marking object, of TLP 2.0 and TLP 1."""


OBSERVABLES = frozenset(
    [
        "artifact",
        "autonomous-system",
        "directory",
        "domain-name",
        "email-addr",
        "email-message",
        "file",
        "ipv4-addr",
        "ipv6-addr",
        "mac-addr",
        "mutex",
        "network-traffic",
        "process",
        "software",
        "url",
        "user-account",
        "windows-registry-key",
        "x509-certificate",
    ]
)
"""Types whose objects have no versions. source: STIX 2.1 section 6."""

_LARGEST = 10**18


def stix_time(moment: datetime) -> str:
    """Return a time in STIX format, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=4096)
def named_id(kind: str, *words: object) -> str:
    """Return a STIX id that is always the same for the same words.

    It looks like a random UUID, as STIX requires of ids that are not derived from content.
    """
    text = "\n".join([kind, *map(str, words)])
    return f"{kind}--{named_uuid(text)}"


def named_uuid(text: str) -> UUID:
    """Return a UUID (in the format of version 4) that is always the same for the same text."""
    return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)


def indicator_id(uid: UUID) -> str:
    """Return the id of a signal's indicator: the signal's id as a version 4 UUID."""
    return f"indicator--{as_random(uid)}"


def as_random(uid: UUID) -> UUID:
    """Return a UUID marked as random (version 4), for programs that accept no other."""
    return _with_version(uid, 4)


def original_uids(uid: UUID) -> tuple[UUID, ...]:
    """Return the ids that as_random() may have been given."""
    return (_with_version(uid, 7), uid)


def signal_uids(stix_id: str) -> tuple[UUID, ...]:
    """Return the ids of signals that an indicator id may stand for; none for other objects."""
    kind, _, text = stix_id.partition("--")
    if kind != "indicator":
        return ()
    try:
        uid = UUID(text)
    except ValueError:
        return ()
    return original_uids(uid)


def _with_version(uid: UUID, version: int) -> UUID:
    """Return a UUID with another version number."""
    return UUID(int=uid.int & ~(0xF << 76) | version << 76)


def tag(predicate: str, value: object) -> str:
    """Return a Stemtide machine tag, as used in STIX labels."""
    return f'stemtide:{predicate}="{value}"'


def read_tags(labels: object) -> dict[str, list[str]]:
    """Return the values of Stemtide's machine tags among labels, by predicate."""
    values: dict[str, list[str]] = {}
    for label in labels if isinstance(labels, list) else []:
        name, equals, value = str(label).partition("=")
        if equals and name.startswith("stemtide:"):
            values.setdefault(name.removeprefix("stemtide:"), []).append(value.strip('"'))
    return values


def marking(tlp: Tlp) -> Stix:
    """Return OASIS' marking object of a TLP 2.0 label."""
    return {
        "type": "marking-definition",
        "spec_version": SPEC_VERSION,
        "id": MARKING_OF[tlp],
        "created": _TLP_CREATED,
        "name": f"TLP:{tlp.upper()}",
        "extensions": {
            _TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp.value}
        },
    }


def identity(stix_id: str, *, name: str, created: datetime, description: str = "") -> Stix:
    """Return the identity object of an organisation."""
    at = stix_time(created)
    return {
        "type": "identity",
        "spec_version": SPEC_VERSION,
        "id": stix_id,
        "created": at,
        "modified": at,
        "name": name,
        "description": description or f"{name}, a party of this hub",
        "identity_class": "organization",
    }


def common_objects() -> list[Stix]:
    """Return the objects at the start of every collection: project, extension, TLP markings."""
    maker = identity(
        MAKER,
        name="Stemtide",
        created=datetime.fromisoformat(_OURS_CREATED),
        description="The project that defines what Stemtide adds to STIX",
    )
    extension: Stix = {
        "type": "extension-definition",
        "spec_version": SPEC_VERSION,
        "id": EXTENSION,
        "created_by_ref": MAKER,
        "created": _OURS_CREATED,
        "modified": _OURS_CREATED,
        "name": "Stemtide signal",
        "description": "What a signal is beyond its pattern: kind and value of its fingerprint,"
        " quality, distance, labels, severity, provenance, handling",
        # Text instead of a URL: the object is the same at every hub, and no hub hosts it for all.
        "schema": f"JSON Schema at {SCHEMA_PATH} of every Stemtide hub, without a key",
        "version": "1.0.0",
        "extension_types": ["property-extension"],
    }
    return [maker, extension, *map(marking, Tlp)]


def version_of(stored: Mapping[str, Any]) -> str | None:
    """Return an object's version, None if it has none (such as a file)."""
    moment = stored.get("modified") or stored.get("created")
    return str(moment) if moment else None


def are_portable(thing: object) -> bool:
    """Whether every reader can parse all numbers in a JSON value: 64-bit range, no 1e400.

    An object with another would break every page that it is on. source: RFC 8259 section 6.
    """
    if isinstance(thing, dict | list):
        return all(map(are_portable, thing.values() if isinstance(thing, dict) else thing))
    return not isinstance(thing, int | float) or abs(thing) < _LARGEST


def nesting_depth(sent: object) -> int:
    """Return how deeply objects and lists are nested, without recursion."""
    deepest, waiting = 0, [(sent, 1)]
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
        waiting.extend((child, depth + 1) for child in inner if isinstance(child, dict | list))
    return deepest
