# SPDX-License-Identifier: Apache-2.0
"""Makes the objects that nobody posted, from the ledger: parties, opinions, counts, crises.

1 The clock reads the ledger on from where it stood.  2 What entries name is made anew: a party, an
opinion, a crisis that moved.  3 That counts came in is noted, and at most every half minute the
sums that changed are told.  All of it follows from what the ledger holds, so it adds no entries.
"""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from stemtide.hub.crises import reads as crises
from stemtide.hub.crises.models import Crisis
from stemtide.hub.ledger import reads as ledger_reads, writes as ledger
from stemtide.hub.ledger.rules import crisis_named
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads_told
from stemtide.hub.signals.models import OpinionRow, Signal
from stemtide.hub.signals.reads_told import SightingSum
from stemtide.hub.stix import reads
from stemtide.hub.stix.models import Cursor, StixObject, ToldSum
from stemtide.protocol.handling import Tlp
from stemtide.protocol.stix import Stix, identity, indicator_id, named_id, stix_time
from stemtide.protocol.stix_around import grouping, incident, opinion, report, sighting
from stemtide.protocol.words import Opinion

CLOCK = "clock"
ENTRIES = 500
"""Entries that one transaction reads, so that other writers get their turn."""

COUNT_EVERY = timedelta(seconds=30)
"""How often sums of sightings are told: they are aggregates, and change all the time."""

_SUMS_AT_ONCE = 500
_ENCODER = msgspec.json.Encoder()


def follow_ledger(now: datetime) -> int:
    """Make what the ledger tells of since the last time; how many objects.

    Two clocks at once are safe: one waits for the other, and finds nothing left to do.
    """
    made = 0
    while _is_behind():
        made += _read_on(now)
    while _sums_are_due(now):
        made += _tell_sums(now)
    return made


def _is_behind() -> bool:
    """Whether the ledger has entries that were not read; asked without anybody's turn."""
    cursor = Cursor.objects.first()
    return ledger_reads.heads().entries > (cursor.number if cursor else 0)


def _sums_are_due(now: datetime) -> bool:
    """Whether counts came in, and were last told long enough ago."""
    cursor = Cursor.objects.filter(counts_due=True).first()
    if cursor is None:
        return False
    return cursor.counted_at is None or now - cursor.counted_at >= COUNT_EVERY


@transaction.atomic
def _read_on(now: datetime) -> int:
    """Steps 1 to 3 for some entries."""
    ledger.take_turn()
    cursor, _ = Cursor.objects.get_or_create(pk=1)
    hub = ledger_reads.heads().hub
    entries = ledger_reads.unabridged(after=cursor.number, limit=ENTRIES, by=CLOCK)
    judged: set[tuple[str, str]] = set()
    moved: set[UUID] = set()
    for entry in entries:
        if entry.kind == "opinion.given":
            judged.add((entry.subject.partition(":")[2], entry.actor.partition(":")[2]))
        elif entry.kind in {"outcomes.reported", "outlier.decided"}:
            cursor.counts_due = True
        elif (crisis := crisis_named(entry.subject)) and entry.kind.startswith("crisis."):
            moved.add(crisis)
        cursor.number = entry.number
    making = _Making(hub, now=now)
    making.parties()
    making.opinions(judged)
    making.crises(moved)
    cursor.save()
    return making.count


@transaction.atomic
def _tell_sums(now: datetime) -> int:
    """Tell some of the sums that changed; the last time that they are due notes when that was."""
    ledger.take_turn()
    told = dict(ToldSum.objects.values_list("signal_id", "total"))
    totals = reads_told.totals(by=CLOCK)
    changed = sorted(pk for pk, total in totals.items() if told.get(pk) != total)
    making = _Making(ledger_reads.heads().hub, now=now)
    for one in reads_told.sums(changed[:_SUMS_AT_ONCE], by=CLOCK):
        making.sighting(one)
        pk = one.signal.pk
        ToldSum.objects.update_or_create(signal_id=pk, defaults={"total": totals[pk]})
    if len(changed) <= _SUMS_AT_ONCE:
        Cursor.objects.update(counts_due=False, counted_at=now)
    return making.count


class _Making:
    """Makes objects of one hub at one moment. count: how many new versions."""

    def __init__(self, hub: UUID, *, now: datetime) -> None:
        self.count = 0
        self._hub, self._now = hub, now

    def parties(self) -> None:
        """An identity for each party that has none."""
        made = StixObject.objects.filter(made_from__startswith="party:").values("shared_by")
        for party in Party.objects.exclude(pk__in=made).order_by("pk"):
            stix_id = reads.party_id(self._hub, party.name, viewer=None)
            body = identity(stix_id, name=party.title, created=party.joined_at)
            facts: dict[str, Any] = {
                "shared_by": party,
                "tlp": Tlp.CLEAR.value,
                "made_from": f"party:{party.pk}",
            }
            self._keep(body, **facts)

    def opinions(self, judged: Collection[tuple[str, str]]) -> None:
        """What parties say of signals, as far as they did not post it themselves."""
        uids = {UUID(signal) for signal, _ in judged}
        for row in reads_told.opinions(uids, by=CLOCK) if uids else []:
            if (str(row.signal.uid), row.party.name) in judged:
                self._opinion(row)

    def _opinion(self, row: OpinionRow) -> None:
        """One party's opinion of one signal."""
        own = StixObject.objects.filter(
            type="opinion", signal=row.signal, shared_by=row.party, is_latest=True
        )
        if own.filter(made_from="", kept_at=row.given_at).exists():
            return
        for old in own.filter(made_from=""):
            self._revoke(old)
        stix_id = named_id("opinion", self._hub, row.signal.uid, row.party.name)
        body = opinion(
            stix_id,
            of=self._indicator(row.signal),
            stance=Opinion(row.opinion),
            note=row.note,
            tlp=Tlp(row.signal.tlp),
            created=row.given_at,
            modified=row.given_at,
            by=reads.party_id(self._hub, row.party.name, viewer=None),
        )
        facts = {"made_from": f"opinion:{row.pk}", "shared_by": row.party}
        self._keep(body, signal=row.signal, **facts)

    def sighting(self, one: SightingSum) -> None:
        """How often content that matches one signal was met."""
        row = one.signal
        body = sighting(
            indicator_id(row.uid).replace("indicator", "sighting", 1),
            of=self._indicator(row),
            outcomes=one.outcomes,
            span=(one.first_at, one.last_at),
            tlp=Tlp(row.tlp),
            created=self._now,
            modified=self._now,
            by=reads.party_id(self._hub, row.shared_by.name, viewer=None),
        )
        facts = {"made_from": f"sightings:{row.pk}", "shared_by": row.shared_by}
        self._keep(body, signal=row, **facts)

    def crises(self, moved: Collection[UUID]) -> None:
        """What stands for crises that were warned of, moved, or ended."""
        for row in Crisis.objects.select_related("opened_by").filter(uid__in=moved):
            self._crisis(row)

    def _crisis(self, row: Crisis) -> None:
        """The incident, the grouping and, once it is closed, the report of one crisis."""
        found = crises.describe(row, viewer=row.opened_by)
        by = reads.party_id(self._hub, row.opened_by.name, viewer=None)
        kinds = {"incident": incident, "grouping": grouping}
        if row.closed_at is not None:
            kinds["report"] = report
        for kind, make in kinds.items():
            stix_id = reads.crisis_object_id(kind, self._hub, row.uid, viewer=None)
            body = make(stix_id, found, modified=self._now, by=by)
            facts: dict[str, Any] = {"made_from": f"crisis:{row.pk}:{kind}", "crisis": row}
            # Who reads the collection of a crisis reads what it is the collection of.
            facts |= {"shared_by": row.opened_by, "tlp": Tlp.GREEN.value}
            self._keep(body, exercise=row.exercise, **facts)

    def _indicator(self, row: Signal) -> str:
        """The id that a signal is told under."""
        face = reads.faces([row.pk], viewer=row.shared_by).get(row.pk)
        return face.stix_id if face else indicator_id(row.uid)

    def _revoke(self, old: StixObject) -> None:
        """Take back what a party posted once, as it says something else now."""
        body: Stix = json.loads(old.body)
        body |= {"revoked": True, "modified": stix_time(self._now)}
        facts = {"shared_by": old.shared_by, "tlp": old.tlp, "made_from": f"revoked:{old.pk}"}
        self._keep(body, signal=old.signal, **facts)

    def _keep(
        self,
        body: Stix,
        *,
        signal: Signal | None = None,
        **facts: Any,  # noqa: ANN401  # columns
    ) -> None:
        """Keep a new version of an object, unless it says what the one before it says."""
        before = list(StixObject.objects.filter(stix_id=body["id"]).order_by("position"))
        if before:
            last = json.loads(before[-1].body)
            body["created"] = last.get("created", body.get("created"))
            if _said(last) == _said(body):
                return
            StixObject.objects.filter(stix_id=body["id"]).update(is_latest=False)
        if signal is not None:
            facts |= {"crisis": signal.crisis, "exercise": signal.exercise, "tlp": signal.tlp}
        StixObject.objects.create(
            position=ledger.take_positions(1, now=self._now),
            stix_id=body["id"],
            type=body["type"],
            version_at=datetime.fromisoformat(body["modified"]),
            body=_ENCODER.encode(body).decode(),
            signal=signal,
            is_first=not before,
            kept_at=self._now,
            **facts,
        )
        self.count += 1


def _said(body: Stix) -> Stix:
    """What an object says, whenever it says it."""
    return {name: value for name, value in body.items() if name != "modified"}
