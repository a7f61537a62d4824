# SPDX-License-Identifier: Apache-2.0
"""Leaf 0 of a hub's log: what the log says about itself, and about older logs of the same hub.

A hub that is restored from a backup lacks entries, so it never continues its log: it opens a new
one, with a new name. Leaf n is still entry n. The lines of leaf 0:

1 "stemtide-log/1"; the log's name; since when it proves; the last entry that is older than the log.
2 After a restore: "overlap" and how many leaves of the log before it has, leaf 0 aside; "last", and
  name, size and root of the last head that was known, if any was.
3 Then leaf 0 of the log before, if there was one.

Decisions 0164 and 0165.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint

MOST_LOGS = 100
"""Logs that a statement may tell of: one for each restore of a hub, and the first."""

_FORM = "stemtide-log/1"
_RESTORED = re.compile(r"stemtide/[0-9a-f-]{36}/([0-9]{8}T[0-9]{6}Z)")


def folder_of(origin: str) -> str:
    """Return the folder of a log's files below /log/, by its name: "" before any restore."""
    match = _RESTORED.fullmatch(origin)
    return f"{match[1]}/" if match else ""


class StatementError(ValueError):
    """Leaf 0 is no statement of a hub's log."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Leaf 0 of a log.

    opened_at: in UTC, as text. filled_in: the last entry that is older than the log.
    overlap: leaves of the log before that this one has, leaf 0 aside; None if no restore opened it.
    last: the last head known of the lost log. before: leaf 0 of the log before.
    """

    origin: str
    opened_at: str
    filled_in: int
    overlap: int | None = None
    last: Checkpoint | None = None
    before: Self | None = None

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Parse leaf 0. raises: StatementError."""
        if data.count(_FORM.encode()) > MOST_LOGS:  # each is read inside the one before
            raise StatementError(f"leaf 0 tells of more than {MOST_LOGS} logs")
        try:
            return cls._read(data.decode().split("\n"))
        except (ValueError, IndexError) as error:
            raise StatementError("leaf 0 is no statement of a hub's log") from error

    @classmethod
    def _read(cls, lines: list[str]) -> Self:
        """Parse the lines of leaf 0. raises: ValueError, IndexError."""
        form, origin, opened_at, filled_in, *rest = lines
        overlap, last = None, None
        if form != _FORM:
            raise ValueError(form)
        if rest[0].startswith("overlap "):
            overlap = int(rest.pop(0).split(" ")[1])
        if rest[0].startswith("last "):
            last = Checkpoint.read("".join(f"{word}\n" for word in rest.pop(0).split(" ")[1:]))
        before = cls._read(rest) if rest != [""] else None
        return cls(origin, opened_at, int(filled_in), overlap, last, before)

    @property
    def data(self) -> bytes:
        """Return the bytes of leaf 0."""
        lines = [_FORM, self.origin, self.opened_at, str(self.filled_in)]
        if self.overlap is not None:
            lines.append(f"overlap {self.overlap}")
        if self.last is not None:
            lines.append(f"last {' '.join(self.last.text.split())}")
        own = "".join(f"{line}\n" for line in lines).encode()
        return own + (self.before.data if self.before else b"")

    @property
    def lost(self) -> str:
        """Return which entries a restore lost, in words."""
        first = self.filled_in + 1
        last = self.last.size - 1 if self.last else 0
        if last < first:
            return f"any entries from {first} on"
        return f"entries {first} to {last} and any later ones"

    @property
    def renewed(self) -> str:
        """Return which entries got new leaves at a restore, in words; "" if none did."""
        first = max(self.overlap or 0, 1)
        if self.overlap is None or first > self.filled_in:
            return ""
        return f"entries {first} to {self.filled_in} have new leaves, which older copies do not fit"


@dataclass(frozen=True, slots=True)
class OlderLog:
    """A log that a restore ended. overlap: leaves that the newest log has, too, leaf 0 aside."""

    statement: Statement
    overlap: int


@dataclass(frozen=True, slots=True)
class UnfitHead:
    """A head that no restore explains, in words.

    is_only_newer: the log may well continue it: the restore lost more than it says, as when the
    last head came after the last backup.
    """

    text: str
    is_only_newer: bool = False


class OlderHeads:
    """Compares a log with heads of older logs of its hub.

    1 unfit() yields heads that no restore explains.
    2 add() takes each leaf after leaf 0, and yields heads that these leaves do not make.

    size: of the log, whatever it claims to share with older ones.
    """

    def __init__(self, statement: Statement, heads: Iterable[Checkpoint], *, size: int) -> None:
        self._statement = statement
        self._heads = list(heads)
        self._logs = {log.statement.origin: log for log in _older_logs(statement, size=size)}
        self._trees: dict[str, Frontier] = {}
        for origin in {head.origin for head in self._heads} & self._logs.keys():
            tree = self._trees[origin] = Frontier()
            tree.append(leaf_hash(self._logs[origin].statement.data))

    def overlap(self, origin: str) -> int:
        """Return how many leaves of an older log the log has, leaf 0 aside; 0 if it knows none."""
        log = self._logs.get(origin)
        return log.overlap if log else 0

    def unfit(self) -> Iterator[UnfitHead]:
        """Yield the heads that are of another hub, or newer than any that a restore names."""
        for origin, tree in self._trees.items():
            yield from map(UnfitHead, self._differing(origin, tree))
        named = [head for step in _steps(self._statement) if (head := step.last)]
        for head in self._heads:
            rivals = [other for other in named if other.origin == head.origin]
            largest = max((other.size for other in rivals), default=0)
            if head.origin not in self._logs and not rivals:
                own = self._statement.origin
                text = f"the log is {own[:100]}, and a head is of {head.origin[:100]}"
                yield UnfitHead(text)
            elif head.size > max(self.overlap(head.origin), largest):
                text = (
                    f"a head of {head.origin} has {head.size} leaves, and the restore knew of"
                    f" {largest} only: more is lost than it says"
                )
                yield UnfitHead(text, is_only_newer=True)
            elif any(other.size == head.size and other.root != head.root for other in rivals):
                text = (
                    f"a head of {head.size} leaves of {head.origin} is not the one that the restore"
                    " names"
                )
                yield UnfitHead(text)

    def add(self, leaf: bytes) -> Iterator[str]:
        """Add the hash of a leaf; yield the heads of that size that have another root."""
        for origin, tree in self._trees.items():
            if tree.size < self._logs[origin].overlap:
                tree.append(leaf)
                yield from self._differing(origin, tree)

    def _differing(self, origin: str, tree: Frontier) -> Iterator[str]:
        """Yield the heads of one log and of this size that have another root."""
        for head in self._heads:
            if (head.origin, head.size) == (origin, tree.size) and head.root != tree.root():
                yield (
                    f"the first {head.size} leaves of {origin}, from before the restore, are others"
                    " than when their head was kept"
                )


def _steps(statement: Statement) -> Iterator[Statement]:
    """Yield a statement and those before it, the newest first."""
    step: Statement | None = statement
    while step is not None:
        yield step
        step = step.before


def _older_logs(statement: Statement, *, size: int) -> Iterator[OlderLog]:
    """Yield the logs that restores ended, the newest first."""
    overlap = min(size, statement.filled_in + 1)
    for step in _steps(statement):
        overlap = min(overlap, step.overlap or 0)
        if step.before is not None:
            yield OlderLog(step.before, overlap)
