# SPDX-License-Identifier: Apache-2.0
"""Data of a leaf: salted commitments to an entry and to the content it speaks of.

A leaf is two SHA-256 digests, one after the other:

1 of "stemtide-entry/1", a newline, the salt (32 bytes), and the entry as JSON;
2 of what the entry speaks of, each thing with salts of its own (stemtide.protocol.tlog.contents).
  Without content, the digest of "stemtide-no-content/1", a newline and the first salt: nobody sees
  which entries speak of content. Leaves from before 0187 have "stemtide-content/1", a newline, the
  content salt (32 bytes), and the SHA-256 of each thing as JSON.

JSON has sorted keys and no spaces, in UTF-8. The salts hide the committed data from those who have
leaves only. Decisions 0164 and 0187.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

import msgspec

from stemtide.protocol.tlog.contents import (
    commit_to_things,
    hidden_digest,
    thing_commitment,
    thing_salts,
)

SALT_BYTES = 32

_ENTRY = b"stemtide-entry/1\n"
_CONTENT = b"stemtide-content/1\n"
_NO_CONTENT = b"stemtide-no-content/1\n"

SIGNAL_COLUMNS = (
    *("uid", "labels", "exercise", "shared_at", "shared_by", "kind", "value", "url", "reach"),
    *("quality", "within_bits", "ideology", "entity", "language", "severity", "provenance"),
    *("confidence", "tlp", "pap", "audience", "via"),
)
"""Facts of a signal that no act ever changes: what it matches, what it says, whose it is, who may
see it. The state, the crisis and the title change, by acts that are entries of their own."""

_NOT_IN_FEED = frozenset({"url", "audience", "via"})
"""Facts of a signal that not all who receive it may see."""

_OPEN = sorted((name, at) for at, name in enumerate(SIGNAL_COLUMNS) if name not in _NOT_IN_FEED)
_HIDDEN = [(name, at) for at, name in enumerate(SIGNAL_COLUMNS) if name in _NOT_IN_FEED]

# Fields that are sorted already: twice as fast as a mapping, for each signal of a bulk.
_OpenFacts = msgspec.defstruct("_OpenFacts", [name for name, _at in _OPEN], gc=False)
_open_values = itemgetter(*[at for _name, at in _OPEN])

ENDED_COLUMNS = ("uid", "state")
"""Facts of the end of a signal: they stay in its row when it is erased."""

ORDER_COLUMNS = (
    *("uid", "reference", "issued_by__name", "addressee__name", "annex", "language"),
    *("content_type", "exercise", "issued_at"),
)
"""Facts of a removal order from its issue on."""


class LeafFacts(NamedTuple):
    """All columns of an entry of the ledger, which its leaf commits to."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: dict[str, object]
    exercise: bool
    crisis: UUID | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class LeafSalts:
    """The salts of a leaf. content: None without content."""

    entry: bytes | None
    content: bytes | None


class Thing(NamedTuple):
    """Something that an entry speaks of. values: as JSON has them."""

    columns: tuple[str, ...]
    values: tuple[object, ...]

    @property
    def open_facts(self) -> bytes:
        """Return the facts that all who receive it may see, as JSON."""
        if self.columns is not SIGNAL_COLUMNS:
            return _json(dict(zip(self.columns, self.values, strict=True)))
        return msgspec.json.encode(_OpenFacts(*_open_values(self.values)))

    @property
    def hidden(self) -> bytes:
        """Return the other facts, as JSON."""
        if self.columns is not SIGNAL_COLUMNS:
            return _json({})
        return _hidden(tuple([self.values[at] for _name, at in _HIDDEN]))

    @property
    def digest(self) -> bytes:
        """Return the digest that leaves of the first format have."""
        return hashlib.sha256(_json(dict(zip(self.columns, self.values, strict=True)))).digest()

    def commitment(self, content_salt: bytes, index: int) -> bytes:
        """Return the commitment to this thing, by its place among those of its entry."""
        salt, hidden_salt = thing_salts(content_salt, index)
        hidden = hidden_digest(self.hidden, hidden_salt)
        return thing_commitment(self.open_facts, salt=salt, hidden=hidden)


@lru_cache(maxsize=8)  # all signals of most bulks have the same
def _hidden(values: tuple[object, ...]) -> bytes:
    """Return the hidden facts of a signal."""
    return _json({name: value for (name, _at), value in zip(_HIDDEN, values, strict=True)})


def ended_thing(uid: str, state: str) -> Thing:
    """Return that a signal ended. state: the one in which it ended."""
    return Thing(ENDED_COLUMNS, (uid, state))


def origin_of(hub: UUID, *, restored_at: datetime | None = None) -> str:
    """Return the name of a hub's log. restored_at: when a restore opened it."""
    name = f"stemtide/{hub}"
    return f"{name}/{restored_at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if restored_at else name


def entry_json(entry: LeafFacts) -> bytes:
    """Return the bytes of an entry that its leaf commits to."""
    return _json(entry._asdict() | {"recorded_at": time_text(entry.recorded_at)})


def entry_commitment(entry: LeafFacts, salt: bytes) -> bytes:
    """Return the first half of a leaf."""
    return hashlib.sha256(_ENTRY + salt + entry_json(entry)).digest()


def content_commitment(
    things: Sequence[Thing | bytes] | None, salts: LeafSalts, *, is_first: bool = False
) -> bytes | None:
    """Return the second half of a leaf; None if its salt is gone.

    things: None without content; what was erased as bytes, as committed_things returned it.
    is_first: the leaf has the first format, which proves no single thing.
    """
    if things is None:
        return hashlib.sha256(_NO_CONTENT + salts.entry).digest() if salts.entry else None
    if salts.content is None:
        return None
    commitments = committed_things(things, salts.content, is_first=is_first)
    if is_first:
        return hashlib.sha256(_CONTENT + salts.content + b"".join(commitments)).digest()
    return commit_to_things(commitments)


def committed_things(
    things: Sequence[Thing | bytes], content_salt: bytes, *, is_first: bool = False
) -> list[bytes]:
    """Return a leaf's commitment to each thing; in the first format its digest."""
    return [
        thing
        if isinstance(thing, bytes)
        else thing.digest
        if is_first
        else thing.commitment(content_salt, index)
        for index, thing in enumerate(things)
    ]


def time_text(at: datetime) -> str:
    """Return a time in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _json(facts: Mapping[str, object]) -> bytes:
    """Return facts as JSON, always as the same bytes."""
    return msgspec.json.encode(facts, order="sorted")
