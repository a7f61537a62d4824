# SPDX-License-Identifier: Apache-2.0
"""Convert events of an OpenCTI's stream to objects of STIX, as a TAXII server sends them.

source: OpenCTI, Data streaming: its events and their `data`, `context.sources` of a merge.
"""

from typing import Any, TypeGuard

from stemtide.interop.stix.objects import Stix

TYPES = frozenset({"create", "update", "delete", "merge"})
"""Names of events that carry objects."""

MERGED_INTO = "x_stemtide_merged_into"
"""Property of an object that a merge deleted: the id of the object that remains."""

_OPENCTI = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"
"""Extension of OpenCTI, which names an object's other ids, and organisations that alone may see it.
"""

_MAX_IDS = 20


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
    sources = [source for source in merged if source["id"] != stix["id"]]
    return [*({**_revoked(source), MERGED_INTO: stix["id"]} for source in sources), stix]


def opencti_extension(stix: Stix) -> Stix:
    """Return OpenCTI's extension of an object, {} if it has none."""
    extensions = stix.get("extensions")
    extension = extensions.get(_OPENCTI) if isinstance(extensions, dict) else None
    return extension if isinstance(extension, dict) else {}


def ids_of(stix: Stix) -> list[str]:
    """Return the id of an object and some of its other ids: OpenCTI names every object anew."""
    others = opencti_extension(stix).get("stix_ids")
    names = [stix.get("id"), *(others if isinstance(others, list) else ())]
    return [str(name) for name in names][:_MAX_IDS]


def is_for_organisations(stix: Stix) -> bool:
    """Whether an object is restricted to some organisations of an OpenCTI."""
    return bool(opencti_extension(stix).get("granted_refs"))


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
