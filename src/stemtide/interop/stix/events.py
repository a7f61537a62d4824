# SPDX-License-Identifier: Apache-2.0
"""Convert events of an OpenCTI's stream to objects of STIX, as a TAXII server sends them.

source: OpenCTI, Data streaming: its events and their `data`, `context.sources` of a merge.
"""

from typing import Any, TypeGuard

from stemtide.interop.stix.objects import Stix

TYPES = frozenset({"create", "update", "delete", "merge"})
"""Names of events that carry objects."""


class UnreadableEventError(Exception):
    """An event has no objects that can be read. The text says why."""


def objects_of(name: str, event: Any) -> list[Stix]:  # noqa: ANN401  # JSON of any shape
    """Return the objects of an event; those that it deletes are revoked.

    raises: UnreadableEventError.
    """
    stix = event.get("data") if isinstance(event, dict) else None
    if not _is_object(stix):
        raise UnreadableEventError("its data is no object of STIX")
    if name == "delete":
        return [_revoked(stix)]
    if name != "merge":
        return [stix]
    context = event.get("context")
    merged = context.get("sources") if isinstance(context, dict) else None
    if not isinstance(merged, list) or not all(map(_is_object, merged)):
        raise UnreadableEventError("it is a merge, and does not name the objects that it deletes")
    return [*(_revoked(source) for source in merged if source["id"] != stix["id"]), stix]


def _is_object(stix: object) -> TypeGuard[Stix]:
    """Whether something has the type and the id of an object of STIX."""
    return (
        isinstance(stix, dict)
        and isinstance(stix.get("type"), str)
        and isinstance(stix.get("id"), str)
    )


def _revoked(stix: Stix) -> Stix:
    """Return an object as its last version has it that revokes it."""
    return {**stix, "revoked": True}
