# SPDX-License-Identifier: Apache-2.0
"""Open a leaf: show the entry and content that it commits to."""

import json
from dataclasses import dataclass

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.transparency.models import Leaf, Log
from stemtide.hub.rooms.transparency.reads import contents
from stemtide.hub.rooms.transparency.rules.leaves import (
    LeafFacts,
    committed_things,
    entry_json,
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A leaf with the entry and the salts that make it.

    digests: what the leaf has of each thing that the entry speaks of; None without content, or if
    it is gone.
    """

    entry: LeafFacts
    leaf: bytes
    salt: bytes | None
    content_salt: bytes | None
    digests: tuple[bytes, ...] | None

    def facts(self) -> dict[str, object]:
        """Return it as JSON; digests and salts in hex."""
        return {
            "entry": json.loads(entry_json(self.entry)),
            "leaf": self.leaf.hex(),
            "salt": self.salt.hex() if self.salt else None,
            "content_salt": self.content_salt.hex() if self.content_salt else None,
            "content": None if self.digests is None else [digest.hex() for digest in self.digests],
        }


@needs_no_viewer("an operator shows it to whom it concerns")
def opening(number: int) -> Opening:
    """Return the opening of a leaf. raises: NotFoundError if there is none, or no entry."""
    leaf = Leaf.objects.filter(number=number).first()
    entries = contents.entries_after(number - 1, limit=1)
    if leaf is None or not entries or entries[0].number != number:
        raise NotFoundError("the log has no leaf of an entry {number}", number=number)
    bulks = {number: contents.unpack_ids(leaf.signals)} if leaf.signals else {}
    log = Log.objects.get()
    first_format = log.size if log.proves_from is None else log.proves_from
    content = contents.contents_of(entries, bulks=bulks, first_format=first_format).get(number)
    digests = None
    if content is not None and content.is_whole and leaf.content_salt is not None:
        salt, is_first = bytes(leaf.content_salt), number < first_format
        digests = tuple(committed_things(content.whole, salt, is_first=is_first))
    return Opening(
        entry=entries[0],
        leaf=bytes(leaf.data),
        salt=bytes(leaf.salt) if leaf.salt else None,
        content_salt=bytes(leaf.content_salt) if leaf.content_salt else None,
        digests=digests,
    )
