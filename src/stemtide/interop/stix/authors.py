# SPDX-License-Identifier: Apache-2.0
"""Check and rewrite authors of STIX objects, so that no party appears as another.

Programs sign objects with identities of their own, which no hub knows. These are accepted, and
readers get the identity of the party that posted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stemtide.interop.stix.objects import EXTENSION, Stix
from stemtide.interop.stix.posted import Posted, PostedError

_LEAVE_OUT = "leave it out, or name your own"


@dataclass(frozen=True, slots=True)
class OtherParties:
    """The other parties of a hub, by their identifiers.

    ids: names by identity id. words: names by name and title, in lower case.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def named_by(self, text: object) -> str:
        """Return the name of the party whose name or title a text is, "" if none."""
        return self.words.get(text.strip().lower(), "") if isinstance(text, str) else ""


def check_author(posted: Posted, *, others: OtherParties) -> None:
    """Refuse an object in another party's name. raises: PostedError naming the field."""
    stix = posted.stix
    if name := others.ids.get(str(stix.get("created_by_ref"))):
        raise PostedError(f"created_by_ref: is the identity of {name}: {_LEAVE_OUT}")
    if name := others.ids.get(posted.id):
        raise PostedError(f"id: is the identity of {name}, which this hub tells: choose another")
    for ref in _list(stix, "where_sighted_refs"):
        if name := others.ids.get(str(ref)):
            raise PostedError(f"where_sighted_refs: names {name}: only they say what they saw")
    for text in _list(stix, "authors"):
        if name := others.named_by(text):
            raise PostedError(f"authors: names {name}: {_LEAVE_OUT}")


def in_name_of(stix: Stix, *, author: str, name: str) -> Stix:
    """Return an object with the posting party as its author, if it has an author.

    author: the id of that party's identity. The same object if nothing changes.
    """
    if stix.get("created_by_ref", author) != author:
        stix = {**stix, "created_by_ref": author}
    extensions = stix.get("extensions")
    if isinstance(extensions, dict):
        extension = extensions.get(EXTENSION)
        if isinstance(extension, dict) and extension.get("shared_by", name) != name:
            stix = {
                **stix,
                "extensions": {**extensions, EXTENSION: {**extension, "shared_by": name}},
            }
    return stix


def _list(stix: Stix, name: str) -> list[object]:
    """Return a list of an object, empty if absent."""
    entries = stix.get(name)
    return entries if isinstance(entries, list) else []
