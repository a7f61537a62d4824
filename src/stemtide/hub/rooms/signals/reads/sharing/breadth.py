# SPDX-License-Identifier: Apache-2.0
"""Estimate how much a value would match, before its signal travels: the flood guard.

Values are compared with the common set, and pictures also with a sample of the newest signals that
others share. docs/understand/breadth.md explains the estimate and its figures.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.breadth import NARROW, Breadth, verdict
from stemtide.hub.rooms.signals.rules.signals import SignalDraft
from stemtide.matching.clusters import linked
from stemtide.matching.common import nearness
from stemtide.matching.common.nearness import (
    NOTHING,
    Hashes,
    NearLimits,
    Nearness,
    with_common,
)
from stemtide.matching.hamming import HammingIndex
from stemtide.protocol.enums import SignalState
from stemtide.protocol.handling import Tlp
from stemtide.protocol.trust.breadth import StandingLimits, breadth_limits
from stemtide.protocol.trust.standing import SPEAKING_ALONE, PartyTrust, independent

_FOR_ALL_SHARERS = (Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.GREEN, Tlp.CLEAR)
"""Marks of signals that every party which may share can see, if they name no audience."""

_SPARSE = 10
"""The sample is taken from this many times as many feed positions."""


def estimate(drafts: Sequence[SignalDraft], *, by: Party) -> dict[int, Breadth]:
    """Return the breadth of those drafts that are near something, by their place.

    Nothing is revealed: the sample has only signals that the sharer may see.
    """
    limits = breadth_limits()
    near = {
        place: _near_one(draft)
        for place, draft in enumerate(drafts)
        if draft.kind not in (Kind.PDQ, Kind.URL)
    }
    standing: dict[int, int] = {}
    pictures = [place for place, draft in enumerate(drafts) if draft.kind is Kind.PDQ]
    if pictures:
        values = [bytes.fromhex(drafts[place].value) for place in pictures]
        near_pictures, unlike = _near_pictures(
            nearness.hashes_of(values), by=by, limits=limits.standing
        )
        near |= dict(zip(pictures, near_pictures, strict=True))
        standing = {pictures[place]: contents for place, contents in unlike.items()}
    breadths = {
        place: verdict(
            drafts[place].kind,
            near[place],
            limits=limits,
            matches_standing=standing.get(place, 0),
        )
        for place in near
        if near[place] is not NOTHING or place in standing
    }
    return {place: breadth for place, breadth in breadths.items() if breadth is not NARROW}


@needs_no_viewer("it returns nothing")
def warm_up() -> None:
    """Read the common set and the sample, so that the first share does not wait for it."""
    with _lock:
        _sample.follow(limits=breadth_limits().standing)
        nothing = nearness.hashes_of([bytes(32)])
        nearness.search_pictures(nothing, limits=_near_limits(), index=_sample.index)


def _near_one(draft: SignalDraft) -> Nearness:
    """Return how near a value of another kind than a picture or an address is."""
    limits, long = breadth_limits(), draft.long or b""
    match draft.kind:
        case Kind.VIDEO:
            return nearness.near_frames(
                long,
                limits=_near_limits(),
                plain_pattern=limits.pictures.plain_pattern,
                at_most=limits.films.frames,
            )
        case Kind.AUDIO:
            return nearness.near_sounds(long)
        case Kind.TEXT:
            return nearness.near_texts(long)
        case Kind.GOP | Kind.EXTERNAL:
            return NOTHING
        case _:
            return nearness.common_file(draft.value)


def _near_limits() -> NearLimits:
    """Return how far from a picture others count as near."""
    pictures = breadth_limits().pictures
    return NearLimits(MATCH_WITHIN_BITS, pictures.wide_bits, pictures.wide_pattern)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A signal of the sample. content, crisis: those that share one are the same content."""

    sharer: int
    content: int | None
    crisis: int | None


@dataclass(slots=True)
class _Sample:
    """The newest pictures that others share, as one process has read them.

    position: of the feed, up to which it was read.
    index:    the common pictures as well; keys of signals are their primary keys from OTHERS on.
    """

    hub: UUID | None = None
    position: int = 0
    index: HammingIndex = field(default_factory=HammingIndex)
    signals: dict[int, _Standing] = field(default_factory=dict)
    hashes: dict[int, bytes] = field(default_factory=dict)

    def follow(self, *, limits: StandingLimits) -> None:
        """Read the changes since, in parts if there are many."""
        heads = ledger.heads()
        if heads.hub != self.hub or heads.positions < self.position:
            self.hub, self.position = heads.hub, 0
            self.index, self.signals, self.hashes = with_common(HammingIndex()), {}, {}
        if heads.positions == self.position:
            return
        most = limits.fresh if self.position else limits.signals
        after = max(self.position, heads.positions - _SPARSE * most)
        rows = Signal.objects.filter(kind=Kind.PDQ, position__gt=after).order_by("-position")
        self._take(rows[:most], at_most=limits.signals)
        self.position = heads.positions

    def _take(self, rows: QuerySet[Signal], *, at_most: int) -> None:
        """Take rows in, and drop those that no longer match, and the oldest beyond the limit."""
        columns = ("pk", "value", "state", "tlp", "audience", "shared_by", "content", "crisis")
        ended, added = [], {}
        for pk, value, state, tlp, audience, *facts in rows.values_list(*columns):
            key = nearness.OTHERS + pk
            if state != SignalState.LIVE or audience or tlp not in _FOR_ALL_SHARERS:
                ended.append(key)
            elif key not in self.signals:
                self.signals[key], added[key] = _Standing(*facts), bytes.fromhex(value)
        self.hashes |= added
        if added:
            hashes = nearness.hashes_of(list(added.values()))
            self.index.put(np.array(list(added), np.int64), np.ascontiguousarray(hashes))
        ended += sorted(self.signals)[: max(0, len(self.signals) - at_most)]
        self.index.drop(ended)
        for key in ended:
            self.signals.pop(key, None)
            self.hashes.pop(key, None)


_sample = _Sample()
_lock = threading.Lock()


@needs_no_viewer("the sample has only signals that every sharer may see")
def _near_pictures(
    hashes: Hashes, *, by: Party, limits: StandingLimits
) -> tuple[list[Nearness], dict[int, int]]:
    """Return how near pictures are to common ones, and how many unlike contents they match.

    Signals are of one content if they name it, belong to one crisis, or lie near each other. So the
    variants of an outbreak are one content, however many parties share them. If the sharer is an
    authority or an agency, only signals of such parties count: no other can make its own wait.
    """
    with _lock:
        _sample.follow(limits=limits)
        searched = nearness.search_pictures(hashes, limits=_near_limits(), index=_sample.index)
        several = {
            place: {
                key: (_sample.signals[key], _sample.hashes[key])
                for key in keys
                if _sample.signals[key].sharer != by.pk
            }
            for place, keys in searched.others.items()
            if len(keys) >= limits.contents
        }
    return searched.each, _unlike(several, by=by, limits=limits) if several else {}


def _unlike(
    several: dict[int, dict[int, tuple[_Standing, bytes]]], *, by: Party, limits: StandingLimits
) -> dict[int, int]:
    """Return the number of unlike contents by place, where enough parties share them."""
    sharers = {signal.sharer for near in several.values() for signal, _ in near.values()}
    parties = {row.pk: row.trust for row in Party.objects.filter(pk__in=sharers)}
    counts: dict[int, int] = {}
    for place, near in several.items():
        counting = [
            (signal, value)
            for signal, value in near.values()
            if signal.sharer in parties and _is_heard(parties[signal.sharer], by=by)
        ]
        behind = independent(parties[signal.sharer] for signal, _ in counting)
        contents = _contents_of(counting)
        if behind >= limits.parties and contents >= limits.contents:
            counts[place] = contents
    return counts


def _is_heard(party: PartyTrust, *, by: Party) -> bool:
    """Whether what a party shares can make a signal of this sharer wait."""
    own = by.trust
    is_other = not own.group or party.group != own.group
    return (
        party.counts
        and is_other
        and (own.kind not in SPEAKING_ALONE or party.kind in SPEAKING_ALONE)
    )


def _contents_of(signals: Iterable[tuple[_Standing, bytes]]) -> int:
    """Return how many unlike contents these signals are of."""
    listed = list(signals)
    if not listed:
        return 0
    hashes: Hashes = np.ascontiguousarray(nearness.hashes_of([value for _, value in listed]))
    groups = linked(hashes).tolist()
    first: dict[tuple[str, int], int] = {}
    for place, (signal, _) in enumerate(listed):
        for name, pk in (("content", signal.content), ("crisis", signal.crisis)):
            if pk is not None:
                other = groups[first.setdefault((name, pk), place)]
                groups = [other if group == groups[place] else group for group in groups]
    return len(set(groups))
