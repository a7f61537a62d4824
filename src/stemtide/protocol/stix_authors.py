# SPDX-License-Identifier: Apache-2.0
"""Authors of STIX objects: nobody posts in another party's name, and nobody is read under one.

Programs sign what they make with identities of their own, which no hub knows. Those are taken, and
readers are told the identity of the party that posted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stemtide.protocol.stix import EXTENSION, Stix
from stemtide.protocol.stix_posted import Posted, PostedError

_LEAVE_OUT = "leave it out, or name your own"


@dataclass(frozen=True, slots=True)
class OtherParties:
    """The other parties of a hub, by what names them.

    ids: their identities. words: their names and titles, in lower case.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def named_by(self, text: object) -> str:
        """The name of the party that a text names, by its name or its title; "" for none."""
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
    """Return an object with the party that posted it as its author, where it names one at all.

    author: the id of that party's identity. The same object where it says nothing else.
    """
    if stix.get("created_by_ref", author) != author:
        stix = {**stix, "created_by_ref": author}
    extensions = stix.get("extensions")
    if isinstance(extensions, dict):
        said = extensions.get(EXTENSION)
        if isinstance(said, dict) and said.get("shared_by", name) != name:
            stix = {**stix, "extensions": {**extensions, EXTENSION: {**said, "shared_by": name}}}
    return stix


def _list(stix: Stix, name: str) -> list[object]:
    """A list in an object; none where it has none."""
    found = stix.get(name)
    return found if isinstance(found, list) else []
