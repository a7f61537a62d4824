# SPDX-License-Identifier: Apache-2.0
"""Keeps objects as they came, version by version. Called by writes_posting.py."""

import json
from collections.abc import Iterable
from datetime import datetime

from stemtide.hub.crises import reads as crises
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import InvalidError
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules import pack_audience
from stemtide.hub.stix import rules
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
    ) -> None:
        """Keep a version of an object as it came. position: a signal's own; None: the next one."""
        earlier = StixObject.objects.filter(stix_id=posted.id, shared_by=self._by.party)
        row = self._row(posted, position=position or ledger.take_positions(1, now=self._now))
        row.is_first = not earlier.exists()
        earlier.filter(is_latest=True).update(is_latest=False, is_beside=True)
        row.signal, row.is_private = signal, is_private
        row.is_beside = not row.is_face
        row.save()

    def keep_parts(self, posted: Posted, signals: Iterable[Signal]) -> None:
        """Keep an indicator that became several signals, for its poster. Take room for it first."""
        self.keep(posted, is_private=True)
        rows = [PatternPart(stix_id=posted.id, signal=one) for one in signals]
        PatternPart.objects.bulk_create(rows, ignore_conflicts=True)

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
