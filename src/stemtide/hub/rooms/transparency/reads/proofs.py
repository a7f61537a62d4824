# SPDX-License-Identifier: Apache-2.0
"""Prove to a party that signals which it may see are in a signed head of the log.

1 The signals are filtered as the party's feed is. Of others the answer says nothing.
2 Their entries are looked up: of the share, and of the end if they have ended.
3 Of each entry only the things about these signals are opened, and of these only the facts that the
  feed shows. Other signals of a bulk stay hidden; how many they are does not.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.views import FeedPlace
from stemtide.hub.rooms.transparency.models import Leaf, Log, MassEnd
from stemtide.hub.rooms.transparency.reads import contents, log as log_reads, witnesses
from stemtide.hub.rooms.transparency.rules.leaves import (
    LeafFacts,
    Thing,
    committed_things,
    ended_thing,
)
from stemtide.protocol.enums import SignalState
from stemtide.protocol.sync.proofs import (
    EntryOpening,
    HeadContinuation,
    ProofsIn,
    ProofsOut,
    ProofsStart,
    ThingOpening,
)
from stemtide.protocol.tlog.contents import (
    contents_commitment,
    hidden_digest,
    thing_commitment,
    thing_salts,
)
from stemtide.protocol.tlog.merkle import leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, Note, encode_base64
from stemtide.protocol.tlog.subsets import SmallTree

MOST_BULKS = 64
"""Entries about several signals that one request opens: each takes some queries."""

MOST_THINGS = 32_000
"""Signals of these entries together: each entry is read as a whole. The first one always is."""

_SHARED = "signal.shared"
_HASH = 32


@dataclass(slots=True)
class _Search:
    """The entries about signals, by their numbers.

    first, after: of the entry, and the position, where the log began to prove signals.
    size: of the head. bulks: entries about several signals. things: how many all of these have.
    """

    first: int
    after: int
    size: int
    signals_of: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    bulks: set[int] = field(default_factory=set)
    things: int = 0
    older: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)

    def add(self, number: int, uid: str, *, of: int = 0) -> None:
        """Add an entry about a signal, if the head can prove it.

        of: how many signals the entry is about; 0 if it is about this one alone.
        """
        if number < self.first:
            self.older.add(uid)
        elif number >= self.size or not self._has_room(number, of=of):
            self.waiting.add(uid)
        else:
            self.signals_of[number].add(uid)

    def _has_room(self, number: int, *, of: int) -> bool:
        """Count an entry about several signals; return whether the request may open it."""
        if not of or number in self.bulks:
            return True
        is_too_much = self.things + of > MOST_THINGS or len(self.bulks) >= MOST_BULKS
        if self.bulks and is_too_much:
            return False
        self.bulks.add(number)
        self.things += of
        return True


def prove(body: ProofsIn, *, viewer: Party, now: datetime) -> ProofsOut:
    """Return proofs of the signals of a request, as far as the viewer may see them.

    raises: NotFoundError before there is a head, or a cosigned one.
    """
    log = Log.objects.first()
    if log is None or log.proves_from is None or log.proves_at is None:
        raise NotFoundError("this hub has no transparency log yet: start it, and wait a second")
    if body.is_cosigned:
        note = witnesses.cosigned(now=now, is_member=True)
    else:
        note = log_reads.head(now=now, is_member=True).note
    size = Checkpoint.read(Note.read(note).text).size
    tree = log_reads.tree(size)
    places = signals.feed_places(body.signals, viewer=viewer)
    search = _Search(log.proves_from, log.proves_after or 0, size)
    _find_entries(places, search)
    opened = _open_entries(search)
    numbers = [row.number for row in opened]
    continued = sorted({other for other in body.sizes if 0 < other <= log.size})
    return ProofsOut.model_construct(
        head=note,
        continues=[
            HeadContinuation(size=other, hashes=_continuation(size, other)) for other in continued
        ],
        entries=opened,
        hashes=_texts(tree.subset_path(numbers)) if numbers else [],
        start=ProofsStart(number=log.proves_from, at=log.proves_at, position=log.proves_after or 0),
        older=[place.uid for uid, place in places.items() if uid in search.older],
        waiting=[place.uid for uid, place in places.items() if uid in search.waiting],
    )


def _continuation(size: int, other: int) -> list[str]:
    """Return the proof that the greater of two sizes of the log continues the other."""
    old, new = sorted((size, other))
    return _texts(log_reads.tree(new).consistency_path(old))


def _find_entries(places: Mapping[str, FeedPlace], search: _Search) -> None:
    """Add the entries about signals."""
    single: dict[str, set[str]] = {_SHARED: set(), contents.WITHDRAWN: set()}
    refs = [f"signal:{uid}" for uid in places]
    rows = Entry.objects.filter(subject__in=refs, kind__in=single).order_by("number")
    for number, kind, subject in rows.values_list("number", "kind", "subject"):
        uid = subject.partition(":")[2]
        single[kind].add(uid)
        search.add(number, uid)
    shared = {
        uid: place
        for uid, place in places.items()
        if uid not in single[_SHARED] and place.erased_at is None
    }
    _find_bulks(shared, search)
    ended = {
        uid: place
        for uid, place in places.items()
        if place.state != SignalState.LIVE and uid not in single[contents.WITHDRAWN]
    }
    _find_mass_ends(ended, search)


def _find_bulks(places: Mapping[str, FeedPlace], search: _Search) -> None:
    """Add the entries with which signals were shared in bulks."""
    left = set(places)
    times = {place.shared_at for place in places.values()}
    rows = Entry.objects.filter(kind=contents.BULK, recorded_at__in=times).order_by("number")
    for number in rows.values_list("number", flat=True):
        leaf = Leaf.objects.filter(number=number, signals__isnull=False).first()
        packed = leaf.signals if leaf else None
        ids = contents.unpack_ids(packed or b"")
        members = left.intersection(ids)
        for uid in sorted(members):
            search.add(number, uid, of=len(ids))
        left -= members
    search.waiting |= left  # their leaf may not be there yet


def _find_mass_ends(places: Mapping[str, FeedPlace], search: _Search) -> None:
    """Add the entries with which signals ended, several at once."""
    waiting = sorted((place.position, uid) for uid, place in places.items())
    end: MassEnd | None = None
    for position, uid in waiting:
        if end is None or position > end.last:
            rows = MassEnd.objects.filter(last__gte=position, number__lt=search.size)
            end = rows.order_by("last").first()
        if end is not None and end.first <= position:
            search.add(end.number, uid, of=end.last - end.first + 1)
        elif position <= search.after:
            search.older.add(uid)
        else:
            search.waiting.add(uid)


def _open_entries(search: _Search) -> list[EntryOpening]:
    """Open the things of entries that are about signals. Those whose salt was erased are not."""
    rows = Leaf.objects.filter(number__in=sorted(search.signals_of), content_salt__isnull=False)
    leaves = {row.number: row for row in rows.order_by("number")}
    facts = Entry.objects.filter(number__in=list(leaves)).order_by("number")
    entries = [LeafFacts(*row) for row in facts.values_list(*LeafFacts._fields)]
    single = [entry for entry in entries if entry.number not in search.bulks]
    content_of = contents.contents_of(single, bulks={})
    opened = []
    for entry in entries:
        leaf, uids = leaves[entry.number], search.signals_of[entry.number]
        if entry.number in search.bulks:
            opened.append(_open_bulk(entry, leaf, uids))
        elif (content := content_of.get(entry.number)) and content.is_whole:
            # What a withdrawal says of the signal's facts, its share says, too.
            index = len(content.whole) - 1
            salt = bytes(leaf.content_salt or b"")
            tree, thing = SmallTree(committed_things(content.whole, salt)), content.whole[index]
            if isinstance(thing, Thing):
                things = _opened(leaf, tree, {index: thing})
                opened.append(_opening(leaf, tree, [*things.values()]))
    return [opening for opening in opened if opening is not None]


@dataclass(slots=True)
class _Bulk:
    """An entry about several signals. opened: the things that were asked for, by index."""

    tree: SmallTree
    index_of: dict[str, int]
    opened: dict[int, ThingOpening] = field(default_factory=dict)


def _open_bulk(entry: LeafFacts, leaf: Leaf, uids: Collection[str]) -> EntryOpening | None:
    """Open some signals of an entry about several."""
    bulk = _bulk(entry.number, bytes(leaf.data))
    if bulk is None:
        return None
    index_of = {uid: bulk.index_of[uid] for uid in uids if uid in bulk.index_of}
    if missing := {uid: at for uid, at in index_of.items() if at not in bulk.opened}:
        things: Mapping[str, Thing]
        if entry.kind == contents.BULK:
            things = contents.things_of(list(missing))
        else:
            things = {uid: ended_thing(uid, contents.ENDS[entry.kind].value) for uid in missing}
        new = {missing[uid]: thing for uid, thing in things.items()}
        bulk.opened |= _opened(leaf, bulk.tree, new)
    opened = [bulk.opened[at] for at in sorted(index_of.values()) if at in bulk.opened]
    return _opening(leaf, bulk.tree, opened)


@lru_cache(maxsize=4)  # after a bulk all agents ask for the same one
def _bulk(number: int, data: bytes) -> _Bulk | None:
    """Return an entry about several signals; None if one of them is not there.

    data: of its leaf, so that no other log's entry is kept for this one.
    """
    leaf = Leaf.objects.filter(number=number, data=data).first()
    entries = contents.entries_after(number - 1, limit=1)
    if leaf is None or leaf.content_salt is None:
        return None
    members = contents.unpack_ids(leaf.signals or b"")
    content = contents.contents_of(entries, bulks={number: members}).get(number)
    if content is None or not content.is_whole:
        return None
    tree = SmallTree(committed_things(content.whole, bytes(leaf.content_salt)))
    return _Bulk(tree, {uid: index for index, uid in enumerate(members)})


def _opened(leaf: Leaf, tree: SmallTree, things: Mapping[int, Thing]) -> dict[int, ThingOpening]:
    """Open things by their index; those that somebody changed since they were logged are not."""
    content_salt, opened = bytes(leaf.content_salt or b""), {}
    for index, thing in things.items():
        salt, hidden_salt = thing_salts(content_salt, index)
        hidden, facts = hidden_digest(thing.hidden, hidden_salt), thing.open_facts
        commitment = thing_commitment(facts, salt=salt, hidden=hidden)
        if leaf_hash(commitment) == tree.subtree(index, index + 1):
            opened[index] = ThingOpening(
                index=index,
                open_facts=facts.decode(),
                salt=encode_base64(salt),
                hidden=encode_base64(hidden),
            )
    return opened


def _opening(leaf: Leaf, tree: SmallTree, things: list[ThingOpening]) -> EntryOpening | None:
    """Return an entry with things that it speaks of; None if its leaf says otherwise."""
    second = contents_commitment(tree.size, tree.subtree(0, tree.size))
    if not things or second != bytes(leaf.data)[_HASH:]:
        return None  # somebody changed a row: `stemtide ledger verify` names it
    return EntryOpening.model_construct(
        number=leaf.number,
        entry=encode_base64(bytes(leaf.data)[:_HASH]),
        count=tree.size,
        hashes=_texts(tree.path([thing.index for thing in things])),
        things=things,
    )


@needs_no_viewer("it writes hashes as text")
def _texts(hashes: Iterable[bytes]) -> list[str]:
    """Return hashes in base64."""
    return [encode_base64(node) for node in hashes]
