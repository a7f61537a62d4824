# SPDX-License-Identifier: Apache-2.0
"""Store posted objects, version by version. Called by writes/posts.py."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.signals import pack_audience
from stemtide.hub.rooms.stix import rules
from stemtide.hub.rooms.stix.models import PatternPart, StixObject
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.hub.rooms.stix.rules import Collection
from stemtide.interop.stix.posted import Posted
from stemtide.protocol.handling import TLP_ALLOWS


class ObjectStore:
    """The store for a post's objects. exercise: whether they are part of an exercise."""

    def __init__(self, to: Collection, *, by: Caller, now: datetime) -> None:
        self._by, self._now = by, now
        self._crisis = crises.find(to.crisis, viewer=by.party) if to.crisis else None
        self.exercise = self._crisis.exercise if self._crisis else bool(to.exercise)
        self._plain_count: int | None = None

    def store_plain(self, posted: Posted) -> None:
        """Store an object that is not a signal.

        raises: InvalidError; NotAllowedError if the party has too many.
        """
        if TLP_ALLOWS[posted.tlp].needs_audience and not posted.audience:
            raise InvalidError("audience", "TLP:RED needs named recipients, in our extension")
        self.reserve()
        self.store(posted)

    def reserve(self) -> None:
        """Count one more stored object of the party. raises: NotAllowedError if it has too many."""
        if self._plain_count is None:
            own = StixObject.objects.filter(shared_by=self._by.party, signal=None, made_from="")
            self._plain_count = own.count()
        rules.check_kept(self._plain_count)
        self._plain_count += 1

    def store(
        self,
        posted: Posted,
        *,
        position: int | None = None,
        signal: Signal | None = None,
        is_private: bool = False,
        is_beside: bool = False,
    ) -> None:
        """Store a version of an object as posted, in the crises of its earlier versions.

        position: a signal's own; None: the next one. is_beside: for an indicator, that it has an
        entry of its own instead of replacing its signal's.
        """
        earlier = StixObject.objects.filter(stix_id=posted.id, shared_by=self._by.party)
        latest = earlier.filter(is_latest=True).select_related("crisis").defer("body")
        is_plain = signal is None and not is_private
        for crisis in self._crises_of(posted, list(latest), is_plain=is_plain, signal=signal):
            row = self._row(posted, position=position or ledger.take_positions(1, now=self._now))
            before = earlier.filter(crisis=crisis) if is_plain else earlier
            row.is_first = not before.exists()
            before.filter(is_latest=True).update(is_latest=False, is_beside=True)
            row.signal, row.is_private, row.crisis = signal, is_private, crisis
            row.is_beside = is_beside or not row.is_face
            row.save()

    def _crises_of(
        self,
        posted: Posted,
        latest: Sequence[StixObject],
        *,
        is_plain: bool,
        signal: Signal | None,
    ) -> list[Crisis | None]:
        """Return the crises whose collections get a version; None: the permanent ones.

        An object that is not a signal may be in several. A crisis that no longer accepts posts
        keeps the last version, except that revocations reach everybody.
        """
        there = [row.crisis for row in latest]
        if not is_plain:
            others = [signal.crisis] if signal else []
            return [next((crisis for crisis in (self._crisis, *others, *there) if crisis), None)]
        by, now = self._by.party, self._now
        follows = [
            crisis
            for crisis in there
            if posted.is_revoked or reads.takes_posts(crisis, viewer=by, now=now)
        ]
        return list(dict.fromkeys([self._crisis, *follows]))

    def store_with_parts(
        self, posted: Posted, created: Iterable[Signal], *, existing: Iterable[Signal] = ()
    ) -> None:
        """Store an indicator for its poster; others get its signals as separate indicators.

        created: signals that were created for it. existing: signals that its party shared before.
        Call reserve first.
        """
        self.store(posted, is_private=True)
        rows = [PatternPart(stix_id=posted.id, signal=signal) for signal in created]
        rows += [
            PatternPart(stix_id=posted.id, signal=signal, is_made=False) for signal in existing
        ]
        PatternPart.objects.bulk_create(rows, ignore_conflicts=True)

    def add_feedback(self, signal: Signal) -> None:
        """Add the opinions and sightings of a signal to the crisis that it joined."""
        feedback = StixObject.objects.filter(signal=signal, crisis=None)
        self._move_to_end(feedback.filter(is_latest=True, is_beside=True).order_by("position"))
        feedback.update(crisis=self._crisis)

    def add_to_collection(self, row: StixObject) -> bool:
        """Add a stored object to the collection; return whether it was not in it before.

        raises: ConflictError for an older version, and for objects of a signal in another crisis.
        """
        if not row.is_latest:
            raise ConflictError("the hub already has a newer version: send that one")
        own = StixObject.objects.filter(stix_id=row.stix_id, shared_by=self._by.party)
        if own.filter(crisis=self._crisis).exists():
            return False
        if row.signal is None and not row.is_private:
            self.reserve()
            row.pk, row.crisis, row.is_first = None, self._crisis, True
            row.position = ledger.take_positions(1, now=self._now)
            row.save(force_insert=True)
            return True
        if row.crisis is not None:
            raise ConflictError("this is in another crisis, and can be in only one at a time")
        self._move_to_end([row])
        own.update(crisis=self._crisis)
        return True

    def _move_to_end(self, rows: Iterable[StixObject]) -> None:
        """Move objects to the end of the feed, in their order."""
        for row in rows:
            row.position = ledger.take_positions(1, now=self._now)
            row.save(update_fields=["position"])

    def store_faces(self, faces: Iterable[tuple[Posted, Signal]]) -> None:
        """Store new indicators with their signals, at once."""
        rows = []
        for posted, signal in faces:
            row = self._row(posted, position=signal.position)
            row.signal, row.is_beside = signal, False
            rows.append(row)
        StixObject.objects.bulk_create(rows)

    def _row(self, posted: Posted, *, position: int) -> StixObject:
        """Return an object's row, as for an object without earlier versions."""
        return StixObject(
            position=position,
            stix_id=posted.id,
            type=posted.type,
            version_at=posted.moment,
            body=_text(posted),
            shared_by=self._by.party,
            tlp=posted.tlp.value,
            audience=pack_audience(posted.audience),
            crisis=self._crisis,
            exercise=self.exercise,
            kept_at=self._now,
        )

    def reassign(self, stix_id: str, *, to: Signal) -> None:
        """Reassign all versions of an indicator to another signal."""
        StixObject.objects.filter(stix_id=stix_id, shared_by=self._by.party).update(signal=to)


def _text(posted: Posted) -> str:
    """Return an object as JSON text for storage."""
    return json.dumps(posted.stix, ensure_ascii=False, separators=(",", ":"))
