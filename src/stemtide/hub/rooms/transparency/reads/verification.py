# SPDX-License-Identifier: Apache-2.0
"""Check the ledger, and the content of its entries, against the log. For the hub's operator.

1 Each leaf is made again from its entry, its content and its salts, and compared.
2 The tree is made again from the leaves, and compared with its inner hashes and all heads.
3 Entries and leaves that do not match are compared with their neighbours, to name the change.

An owner of the database who also has the signing key can make all of it anew. A head that somebody
else kept shows that, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.transparency.models import Head, Leaf, Log, Node, Purge
from stemtide.hub.rooms.transparency.reads import contents, purges
from stemtide.hub.rooms.transparency.reads.log import log_keys
from stemtide.hub.rooms.transparency.rules.ends import MOST_NAMED, SignalEnds
from stemtide.hub.rooms.transparency.rules.flaws import (
    FlawKind,
    LogFlaw,
    UnmatchedLeaf,
    compare,
)
from stemtide.hub.rooms.transparency.rules.leaves import (
    LeafFacts,
    LeafSalts,
    content_commitment,
    entry_commitment,
    time_text,
)
from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, NoteError, read_checkpoint
from stemtide.protocol.tlog.statements import OlderHeads, Statement, StatementError
from stemtide.protocol.tlog.tiles import HEIGHT

_WINDOW = 1000
_MOST_WAITING = 20
_SHARED = "signal.shared"
_HASH = 32


@dataclass(frozen=True, slots=True)
class LogVerification:
    """The result of a check. statement: leaf 0. waiting: entries that have no leaf yet."""

    size: int
    statement: Statement
    waiting: int
    flaws: list[LogFlaw]


@needs_no_viewer("an operator's check, on the hub's own machine")
def verify(*, outside_heads: Iterable[Checkpoint] = ()) -> LogVerification:
    """Check the ledger against its log. outside_heads: heads that others kept.

    raises: NotFoundError before the log's first run.
    """
    # The log may grow meanwhile: what is read first is covered by what is read after it.
    last_signal = contents.last_key()
    entries_then = ledger.heads().entries
    own_heads = list(Head.objects.order_by("hour"))
    log = Log.objects.first()
    if log is None:
        raise NotFoundError("this hub has no transparency log yet: start it, and wait a second")
    entries_now = ledger.heads().entries
    check = _Check(log)
    check.expect_heads(own_heads, outside_heads)
    check.expect_older()
    check.expect_purges()
    for begin in range(0, log.size, _WINDOW):
        check.walk(begin, min(begin + _WINDOW, log.size))
    last = log.size - 1
    if entries_now < last:
        text = f"the ledger's counter says {entries_now}, and the log has {last} entries"
        check.flaws.append(LogFlaw(FlawKind.SET_BACK, text))
    check.finish(last_signal=last_signal if last >= entries_then else log.signal)
    waiting = max(entries_now - last, 0)
    return LogVerification(log.size, check.statement, waiting, check.flaws)


@dataclass(slots=True)
class _Check:
    """A check under way. frontier: of the leaves so far; None once a leaf is missing."""

    log: Log
    flaws: list[LogFlaw] = field(default_factory=list)
    frontier: Frontier | None = field(default_factory=Frontier)
    heads: dict[int, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    entries: dict[int, LeafFacts] = field(default_factory=dict)
    leaves: dict[int, UnmatchedLeaf] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    others: list[Checkpoint] = field(default_factory=list)
    statement: Statement = field(init=False)
    older: OlderHeads = field(init=False)
    ends: SignalEnds = field(default_factory=SignalEnds)
    purged: set[int] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    @property
    def proves_from(self) -> int:
        """Return the first leaf that proves each signal by itself."""
        return self.log.size if self.log.proves_from is None else self.log.proves_from

    def __post_init__(self) -> None:
        """Read leaf 0, or what it must say if it was changed."""
        log, leaf = self.log, Leaf.objects.filter(number=0).first()
        expected = (log.origin, time_text(log.opened_at), log.backfilled)
        self.statement = Statement(*expected)
        with suppress(StatementError):
            self.statement = Statement.read(bytes(leaf.data) if leaf else b"")
        read = self.statement
        is_whole = leaf is not None and read.data == bytes(leaf.data)
        if not is_whole or (read.origin, read.opened_at, read.filled_in) != expected:
            self._note(FlawKind.TREE_CHANGED, "leaf 0, the log's own statement, was changed", 0)

    def expect_heads(self, own: Iterable[Head], outside_heads: Iterable[Checkpoint]) -> None:
        """Note the roots that the tree must have at some sizes. own: the hub's heads."""
        self.nodes = {
            (level, place): bytes(node)
            for level, place, node in Node.objects.values_list("level", "place", "hash")
        }
        keys = log_keys()
        for row in own:
            name = f"the hub's head of {row.signed_at:%Y-%m-%d %H:%M} UTC"
            try:
                self._expect(name, read_checkpoint(row.note, trusted=keys, is_any_log=True))
            except NoteError as error:
                self._note(FlawKind.HEAD_CHANGED, f"{name}: {error}")
        for head in outside_heads:
            self._expect(f"the head of {head.size} leaves that you gave", head)

    def expect_older(self) -> None:
        """Compare heads of other logs with the restores that leaf 0 names."""
        self.older = OlderHeads(self.statement, self.others, size=self.log.size)
        for text in (head.text for head in self.older.unfit()):
            self._note(FlawKind.HEAD_CHANGED, text)

    def expect_purges(self) -> None:
        """Note the leaves whose salts were erased by certificates, and what is wrong with these."""
        for purge in Purge.objects.order_by("entry"):
            if why := purges.fault(purge):
                text = f"the certificate of an erasure in entry {purge.entry} {why}"
                self._note(FlawKind.PURGE_WRONG, text, purge.entry)
            else:
                self.purged.update(number for number, _digest in purge.leaves)

    def walk(self, begin: int, end: int) -> None:
        """Compare the leaves of a window with their entries."""
        rows = {leaf.number: leaf for leaf in Leaf.objects.filter(number__range=(begin, end - 1))}
        window = contents.entries_after(begin - 1, limit=end - begin)
        entries = {entry.number: entry for entry in window if entry.number < end}
        bulks = {
            leaf.number: contents.unpack_ids(leaf.signals) for leaf in rows.values() if leaf.signals
        }
        ends = {number for number, entry in entries.items() if entry.kind in contents.MASS_ENDS}
        self._note_ends(entries.values(), signals=bulks)
        self.shared.update(uid for number in bulks.keys() - ends for uid in bulks[number])
        bulks = {number: uids for number, uids in bulks.items() if number in entries}
        content_of = contents.contents_of(
            entries.values(), bulks=bulks, first_format=self.proves_from
        )
        for number in range(begin, end):
            leaf, entry = rows.get(number), entries.get(number)
            self._grow(number, leaf)
            if number == 0:
                continue
            if leaf is None:
                self._note(FlawKind.LEAF_GONE, f"the leaf of entry {number} is gone", number)
            else:
                self._compare(leaf, entry, content_of.get(number))
            if entry is not None and entry.kind == _SHARED:
                self.shared.add(entry.subject.partition(":")[2])

    def finish(self, *, last_signal: int) -> None:
        """Name entries and leaves that do not match, and signals that no entry speaks of."""
        if self.frontier and self.frontier.pack() != bytes(self.log.frontier):
            text = "the log's row has another right edge than the leaves: later heads will be wrong"
            self._note(FlawKind.TREE_CHANGED, text)
        if self.entries or self.leaves:
            for entry in contents.entries_after(self.log.size - 1, limit=_MOST_WAITING):
                self.entries[entry.number] = entry
            self.flaws[:0] = compare(self.entries, self.leaves, size=self.log.size)
        for uid in contents.not_erased(self.gone)[:MOST_NAMED]:
            text = f"a certificate says that signal {uid} was erased, and it is still there"
            self._note(FlawKind.PURGE_WRONG, text)
        self._compare_signals(last_signal)
        for size in sorted(size for size in self.heads if size > self.log.size):
            for name, _ in self.heads[size]:
                text = (
                    f"{name} has {size} leaves, and the log only {self.log.size}: it was set back"
                )
                self._note(FlawKind.SET_BACK, text)

    def _note_ends(
        self, entries: Iterable[LeafFacts], *, signals: Mapping[int, Sequence[str]]
    ) -> None:
        """Note which signals entries ended. signals: of many at once, by the entry's number."""
        for entry in entries:
            if entry.kind == contents.WITHDRAWN:
                uids: Sequence[str] = [entry.subject.partition(":")[2]]
                count: object = 1
            elif entry.kind in contents.MASS_ENDS:
                uids, count = signals.get(entry.number, ()), entry.detail.get("count")
            else:
                continue
            state, count = contents.ENDS[entry.kind].value, count if isinstance(count, int) else 0
            self.ends.add(uids, state=state, entry=entry.number, count=count)

    def _compare_signals(self, last: int) -> None:
        """Name signals without an entry, and those with another state than their entries say.

        last: the highest primary key of a signal whose share is a leaf.
        """
        inserted: list[str] = []
        ended: dict[str, str] = {}
        changed: list[LogFlaw] = []
        for pk, uid, state in contents.signal_states():
            if pk <= last and uid not in self.shared:
                inserted.append(uid)
            elif flaw := self.ends.flaw_of(uid, state):
                changed.append(flaw)
            elif self.ends.is_without_end(uid, state):
                ended[uid] = state
        for uid in inserted[:MOST_NAMED]:
            text = f"no entry says that signal {uid} was shared: it was inserted"
            self._note(FlawKind.SIGNAL_INSERTED, text)
        self.flaws += changed[:MOST_NAMED]
        if ended:
            self._note_waiting_ends()
            self.flaws += self.ends.unexplained(ended)

    def _note_waiting_ends(self) -> None:
        """Note the ends in entries that are no leaves yet: signals were read before them."""
        after = self.log.size - 1
        while entries := contents.entries_after(after, limit=_WINDOW):
            mass = [entry for entry in entries if entry.kind in contents.MASS_ENDS]
            signals = {entry.number: contents.ended_by(entry).signals for entry in mass}
            self._note_ends(entries, signals=signals)
            after = entries[-1].number

    def _expect(self, name: str, head: Checkpoint) -> None:
        """Note a root that the tree must have."""
        if head.origin != self.log.origin:
            self.others.append(head)
        else:
            self.heads[head.size].append((name, head.root))

    def _grow(self, number: int, leaf: Leaf | None) -> None:
        """Add a leaf to the tree, and compare inner hashes and heads."""
        if self.frontier is None or leaf is None:
            if self.frontier is not None:
                text = (
                    f"the tree ends at leaf {number}, which is gone: no later head can be checked"
                )
                self._note(FlawKind.TREE_CHANGED, text)
            self.frontier = None
            return
        digest = leaf_hash(bytes(leaf.data))
        completed = self.frontier.append(digest)
        for text in self.older.add(digest) if number else ():
            self._note(FlawKind.HEAD_CHANGED, text)
        for level, node in enumerate(completed[HEIGHT - 1 :: HEIGHT], start=1):
            if self.nodes.get((level, number >> (HEIGHT * level))) != node:
                first = (number >> (HEIGHT * level)) << (HEIGHT * level)
                text = f"the hash over leaves {first} to {number} is another than the log's"
                self._note(FlawKind.TREE_CHANGED, text)
        for name, root in self.heads.get(self.frontier.size, ()):
            if self.frontier.root() != root:
                text = f"{name} has another root than the first {self.frontier.size} leaves have"
                self._note(FlawKind.HEAD_CHANGED, text)

    def _compare(
        self, leaf: Leaf, entry: LeafFacts | None, content: contents.EntryContent | None
    ) -> None:
        """Compare a leaf with its entry and the content of that."""
        salts = LeafSalts(_bytes(leaf.salt), _bytes(leaf.content_salt))
        first, second = bytes(leaf.data)[:_HASH], bytes(leaf.data)[_HASH:]
        if salts.entry is None:
            self._note_salt(leaf.number)
        elif entry is None or entry_commitment(entry, salts.entry) != first:
            self.leaves[leaf.number] = UnmatchedLeaf(first, salts.entry)
        if entry is not None and leaf.number in self.leaves:
            self.entries[leaf.number] = entry
        if salts.content is None:
            if salts.entry is not None and content_commitment(None, salts) != second:
                self._check_purged(leaf, entry)
        elif entry is not None and leaf.number not in self.leaves:
            self._compare_content(entry, content, salts=salts, commitment=second)

    def _check_purged(self, leaf: Leaf, entry: LeafFacts | None) -> None:
        """Check that a content salt is gone because a certificate says so."""
        if leaf.number not in self.purged:
            self._note_salt(leaf.number)
        elif leaf.signals:
            self.gone.update(contents.unpack_ids(leaf.signals))
        elif entry is not None and entry.subject.startswith("signal:"):
            self.gone.add(entry.subject.partition(":")[2])

    def _compare_content(
        self,
        entry: LeafFacts,
        content: contents.EntryContent | None,
        *,
        salts: LeafSalts,
        commitment: bytes,
    ) -> None:
        """Compare the content of an entry with its leaf."""
        about = f"what entry {entry.number} ({entry.kind}) speaks of, {entry.subject},"
        if content is None or not content.is_whole:
            self._note(FlawKind.CONTENT_GONE, f"{about} is gone or in part", entry.number)
            return
        is_first = entry.number < self.proves_from
        if content_commitment(content.whole, salts, is_first=is_first) != commitment:
            text = f"{about} was changed: its sharer, value, labels, handling or text"
            self._note(FlawKind.CONTENT_CHANGED, text, entry.number)

    def _note_salt(self, number: int) -> None:
        """Add the flaw that a leaf cannot be made again."""
        text = f"the salt of entry {number} is gone: nobody can check the entry any more"
        self._note(FlawKind.SALT_GONE, text, number)

    def _note(self, kind: FlawKind, text: str, number: int | None = None) -> None:
        """Add a flaw."""
        self.flaws.append(LogFlaw(kind, text, number))


def _bytes(column: bytes | memoryview | None) -> bytes | None:
    """Return a column as bytes; PostgreSQL's driver returns a memoryview."""
    return None if column is None else bytes(column)
