# SPDX-License-Identifier: Apache-2.0
"""Keeps objects as they came, version by version. Called by writes_posting.py."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from stemtide.hub.crises import reads as crises
from stemtide.hub.crises.models import Crisis
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import ConflictError, InvalidError
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules import pack_audience
from stemtide.hub.stix import reads, rules
from stemtide.hub.stix.models import PatternPart, StixObject
from stemtide.hub.stix.rules import Collection
from stemtide.protocol.handling import TLP_ALLOWS
from stemtide.protocol.stix_posted import Posted


class Keeping:
    """Where the objects of one post are kept. exercise: whether they are a rehearsal."""

    def __init__(self, to: Collection, *, by: Caller, now: datetime) -> None:
        self._by, self._now = by, now
        self._crisis = crises.find(to.crisis, viewer=by.party) if to.crisis else None
        self.exercise = self._crisis.exercise if self._crisis else bool(to.exercise)
        self._plain: int | None = None

    def keep_plain(self, posted: Posted) -> None:
        """Keep an object that is no signal.

        raises: InvalidError, NotAllowedError where the party has too many.
        """
        if TLP_ALLOWS[posted.tlp].needs_audience and not posted.audience:
            raise InvalidError("audience", "TLP:RED needs named recipients, in our extension")
        self.reserve()
        self.keep(posted)

    def reserve(self) -> None:
        """Take room for one more object that is no signal. raises: NotAllowedError for none."""
        if self._plain is None:
            own = StixObject.objects.filter(shared_by=self._by.party, signal=None, made_from="")
            self._plain = own.count()
        rules.check_kept(self._plain)
        self._plain += 1

    def keep(
        self,
        posted: Posted,
        *,
        position: int | None = None,
        signal: Signal | None = None,
        is_private: bool = False,
        is_beside: bool = False,
    ) -> None:
        """Keep a version of an object as it came, in the crises where earlier ones are.

        position: a signal's own; None: the next one. is_beside: of an indicator, that it is told
        in a place of its own and not in its signal's.
        """
        earlier = StixObject.objects.filter(stix_id=posted.id, shared_by=self._by.party)
        latest = earlier.filter(is_latest=True).select_related("crisis").defer("body")
        is_plain = signal is None and not is_private
        for crisis in self._places(posted, list(latest), is_plain=is_plain, signal=signal):
            row = self._row(posted, position=position or ledger.take_positions(1, now=self._now))
            before = earlier.filter(crisis=crisis) if is_plain else earlier
            row.is_first = not before.exists()
            before.filter(is_latest=True).update(is_latest=False, is_beside=True)
            row.signal, row.is_private, row.crisis = signal, is_private, crisis
            row.is_beside = is_beside or not row.is_face
            row.save()

    def _places(
        self,
        posted: Posted,
        latest: Sequence[StixObject],
        *,
        is_plain: bool,
        signal: Signal | None,
    ) -> list[Crisis | None]:
        """The crises in whose collections a version is told; None: in the standing ones.

        What is no signal may lie in several. Where it may not be posted any more, its last version
        stays, but for a revocation, which reaches everybody.
        """
        there = [row.crisis for row in latest]
        if not is_plain:
            others = [signal.crisis] if signal else []
            return [next((one for one in (self._crisis, *others, *there) if one), None)]
        by, now = self._by.party, self._now
        follows = [
            one for one in there if posted.is_revoked or reads.takes_posts(one, viewer=by, now=now)
        ]
        return list(dict.fromkeys([self._crisis, *follows]))

    def keep_parts(
        self, posted: Posted, made: Iterable[Signal], *, known: Iterable[Signal] = ()
    ) -> None:
        """Keep an indicator whose signals are told by themselves, for its poster.

        made: signals that were made for it. known: those that its party shared before. Take room
        for it first.
        """
        self.keep(posted, is_private=True)
        rows = [PatternPart(stix_id=posted.id, signal=one) for one in made]
        rows += [PatternPart(stix_id=posted.id, signal=one, is_made=False) for one in known]
        PatternPart.objects.bulk_create(rows, ignore_conflicts=True)

    def bring(self, signal: Signal) -> None:
        """Bring what was said of a signal into the crisis that it joined."""
        said = StixObject.objects.filter(signal=signal, crisis=None)
        self._tell_again(said.filter(is_latest=True, is_beside=True).order_by("position"))
        said.update(crisis=self._crisis)

    def bring_object(self, row: StixObject) -> bool:
        """Bring an object that is here into the collection; whether it was not in it before.

        raises: ConflictError for an older version, and for what belongs to a signal that is in
                another crisis.
        """
        if not row.is_latest:
            raise ConflictError("a newer version is here already: send that one")
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
            raise ConflictError("this is in another crisis, and it is in one at a time")
        self._tell_again([row])
        own.update(crisis=self._crisis)
        return True

    def _tell_again(self, rows: Iterable[StixObject]) -> None:
        """Give objects places after all others, in their order."""
        for row in rows:
            row.position = ledger.take_positions(1, now=self._now)
            row.save(update_fields=["position"])

    def keep_faces(self, faces: Iterable[tuple[Posted, Signal]]) -> None:
        """Keep new indicators, each with the signal that it became, at once."""
        rows = []
        for posted, signal in faces:
            row = self._row(posted, position=signal.position)
            row.signal, row.is_beside = signal, False
            rows.append(row)
        StixObject.objects.bulk_create(rows)

    def _row(self, posted: Posted, *, position: int) -> StixObject:
        """An object's row, as that of one that nobody posted before."""
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

    def move(self, stix_id: str, *, to: Signal) -> None:
        """Make all versions of an indicator those of another signal."""
        StixObject.objects.filter(stix_id=stix_id, shared_by=self._by.party).update(signal=to)


def _text(posted: Posted) -> str:
    """An object as it is kept: what was posted, and nothing else."""
    return json.dumps(posted.stix, ensure_ascii=False, separators=(",", ":"))
