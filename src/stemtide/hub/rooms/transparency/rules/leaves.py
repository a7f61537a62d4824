# SPDX-License-Identifier: Apache-2.0
"""Data of a leaf: salted commitments to an entry and to the content it speaks of.

A leaf is two SHA-256 digests, one after the other:

1 of "stemtide-entry/1", a newline, the salt (32 bytes), and the entry as JSON;
2 of "stemtide-content/1", a newline, the content salt (32 bytes), and the SHA-256 of each thing
  that the entry speaks of, as JSON. Without content, the digest of "stemtide-no-content/1", a
  newline and the first salt: nobody sees which entries speak of content.

JSON has sorted keys and no spaces, in UTF-8. The salts hide the committed data from those who have
leaves only. Decision 0164.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

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


def origin_of(hub: UUID, *, restored_at: datetime | None = None) -> str:
    """Return the name of a hub's log. restored_at: when a restore opened it."""
    name = f"stemtide/{hub}"
    return f"{name}/{restored_at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if restored_at else name


def entry_json(entry: LeafFacts) -> bytes:
    """Return the bytes of an entry that its leaf commits to."""
    return _json(entry._asdict() | {"recorded_at": time_text(entry.recorded_at)})


def content_digest(columns: Sequence[str], values: Sequence[object]) -> bytes:
    """Return the digest of a signal or an order. values: as JSON has them."""
    return hashlib.sha256(_json(dict(zip(columns, values, strict=True)))).digest()


def entry_commitment(entry: LeafFacts, salt: bytes) -> bytes:
    """Return the first half of a leaf."""
    return hashlib.sha256(_ENTRY + salt + entry_json(entry)).digest()


def content_commitment(digests: Sequence[bytes] | None, salts: LeafSalts) -> bytes | None:
    """Return the second half of a leaf; None if its salt is gone. digests: None without content."""
    salt = salts.entry if digests is None else salts.content
    if salt is None:
        return None
    tag = _NO_CONTENT if digests is None else _CONTENT
    return hashlib.sha256(tag + salt + b"".join(digests or ())).digest()


def time_text(at: datetime) -> str:
    """Return a time in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _json(facts: Mapping[str, object]) -> bytes:
    """Return facts as JSON, always as the same bytes."""
    return msgspec.json.encode(facts, order="sorted")
