# SPDX-License-Identifier: Apache-2.0
"""Content of a catalogue as its source lists it, and what a worker returns about it."""

from dataclasses import dataclass

from stemtide.fingerprints.kinds import Fingerprints

MAX_REF = 200
"""The longest id that an agent takes, in characters."""


class CatalogueError(ValueError):
    """A source of a scan cannot be listed. The message says why and how to fix it."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A piece of content that a provider has stored.

    ref:        the provider's own id of it.
    location:   an absolute path, or an address with its scheme.
    stamp:      changes whenever the content does; "" if the source tells nothing about that.
    size_bytes: 0 if the source does not tell.
    """

    ref: str
    location: str
    stamp: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class UnlistedItem:
    """An entry of a source that names no content, such as a row without an id.

    place: its position in the source, for people.
    """

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class ItemLook:
    """The result of a worker about an item.

    prints:  its fingerprints; None if it could not be read at all.
    trouble: why not all of it could be read; "" if it could.
    """

    item: StoredItem
    prints: Fingerprints | None
    trouble: str = ""


def shown_address(address: str) -> str:
    """Return an address for people, without what may be a password in it."""
    scheme, _, rest = address.partition("://")
    secret, _, place = rest.rpartition("@")
    if "?" in secret:  # of the password, or before one
        return f"{scheme}://…"
    return f"{scheme}://{'…@' if secret else ''}{place.partition('?')[0]}"
