# SPDX-License-Identifier: Apache-2.0
"""Flaws that a check of the ledger against its log finds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stemtide.hub.rooms.transparency.rules.leaves import LeafFacts, entry_commitment

MOST_COMPARED = 200
"""Entries that fit no leaf are compared with every leaf that fits no entry, if they are no more."""


class FlawKind(StrEnum):
    """The kind of a flaw."""

    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    MOVED = "moved"
    CONTENT_CHANGED = "content-changed"
    CONTENT_GONE = "content-gone"
    SIGNAL_INSERTED = "signal-inserted"
    STATE_CHANGED = "state-changed"
    SALT_GONE = "salt-gone"
    LEAF_GONE = "leaf-gone"
    TREE_CHANGED = "tree-changed"
    HEAD_CHANGED = "head-changed"
    SET_BACK = "set-back"
    PURGE_WRONG = "purge-wrong"


@dataclass(frozen=True, slots=True)
class LogFlaw:
    """One thing that does not hold. number: of the entry; None if it is about no single one."""

    kind: FlawKind
    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class UnmatchedLeaf:
    """A leaf that its entry does not fit. commitment: its first half."""

    commitment: bytes
    salt: bytes


def compare(
    entries: Mapping[int, LeafFacts],
    leaves: Mapping[int, UnmatchedLeaf],
    *,
    size: int,
) -> Iterator[LogFlaw]:
    """Yield the flaws of entries and leaves that do not fit each other.

    entries: by the number that they have now. leaves: by the number that their entry had.
    size: entries from this number on have no leaf yet: they are only compared.
    """
    number_before = _numbers_before(entries, leaves)
    present = set(number_before.values())
    for number, entry in sorted(entries.items()):
        before = number_before.get(number)
        if before is not None:
            text = f"entry {before} ({entry.kind}) has the number {number} now"
            yield LogFlaw(FlawKind.MOVED, text, before)
        elif number in leaves and number not in present:
            yield LogFlaw(FlawKind.CHANGED, f"entry {number} ({entry.kind}) was changed", number)
        elif number < size:
            yield LogFlaw(FlawKind.INSERTED, f"entry {number} ({entry.kind}) was inserted", number)
    for number in sorted(set(leaves) - present):
        if number not in entries or number in number_before:
            yield LogFlaw(FlawKind.DELETED, f"entry {number} was deleted", number)


def _numbers_before(
    entries: Mapping[int, LeafFacts], leaves: Mapping[int, UnmatchedLeaf]
) -> dict[int, int]:
    """Return the numbers that entries had, by their numbers now, for those that only moved."""
    is_few = len(entries) <= MOST_COMPARED and len(leaves) <= MOST_COMPARED
    numbers: dict[int, int] = {}
    for number, entry in entries.items():
        candidates = leaves if is_few else (number - 1, number + 1)
        for before in candidates:
            leaf = leaves.get(before)
            if leaf is not None and leaf.commitment == entry_commitment(
                entry._replace(number=before), leaf.salt
            ):
                numbers[number] = before
                break
    return numbers
