# SPDX-License-Identifier: Apache-2.0
"""Generate objects that nobody posted, from the ledger: parties, opinions, counts, crises.

1 The scheduler reads new ledger entries.  2 Objects for the entries are generated:
a party, an opinion, a crisis that moved.  3 New counts are noted, and at most every half minute
the changed sums are published.  All of it derives from the ledger, so it adds no entries.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.rules.ledger import crisis_named
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.followers import LedgerFollower
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.reads import opinions as opinion_reads, sightings as sighting_reads
from stemtide.hub.rooms.signals.reads.sightings import SightingSum
from stemtide.hub.rooms.stix.models import StixObject, SumPublication, ToldSum
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.hub.rooms.stix.reads.stix import Face
from stemtide.interop.stix.context import (
    PASSED_ON,
    SET_ASIDE,
    grouping,
    incident,
    opinion,
    report,
    sighting,
)
from stemtide.interop.stix.objects import Stix, identity, indicator_id, named_id, stix_time
from stemtide.protocol.enums import Opinion
from stemtide.protocol.handling import Tlp

FOLLOWER = LedgerFollower("stix", batch=100)
"""Few entries in a transaction: others who write wait for it, and an opinion takes some ms."""

COUNT_EVERY = timedelta(seconds=30)
"""Interval of publishing sums of sightings, which change all the time."""

_SUMS_AT_ONCE = 200
"""Sums that one transaction publishes: others who write wait for it."""

_DECISIONS = frozenset({"dispute.dismissed", "dispute.restored"})
"""Ledger kinds of decisions on one dispute, whose opinion gets or loses a label."""

_COUNTED = frozenset({"outcomes.reported", "outlier.decided"})
"""Ledger kinds after which sums differ."""

_FEW_ENTRIES = 100
"""Entries that are looked at one by one; with more, counts are taken to have changed."""

_ENCODER = msgspec.json.Encoder()


@needs_no_entry("the objects follow from what the ledger holds already")
def follow_ledger(now: datetime) -> int:
    """Generate objects for new ledger entries; return how many.

    Two schedulers at once are safe: one waits for the other, and finds nothing left to do.
    """
    count = 0
    while FOLLOWER.is_behind():
        count += _read_entries(now)
    if _sums_are_due(now):
        count += _publish_sums(now)
    return count


def _sums_are_due(now: datetime) -> bool:
    """Whether counts have changed, and the last sums were published long enough ago."""
    publication = SumPublication.objects.filter(counts_due=True).first()
    if publication is None:
        return False
    return publication.counted_at is None or now - publication.counted_at >= COUNT_EVERY


def _read_entries(now: datetime) -> int:
    """Handle some entries, by steps 1 to 3."""
    judged: dict[tuple[str, str], bool] = {}
    decided: set[tuple[str, str]] = set()
    moved: set[UUID] = set()
    with FOLLOWER.next_entries() as entries:
        for entry in entries:
            if entry.kind == "opinion.given":
                place = (entry.subject.partition(":")[2], entry.actor.partition(":")[2])
                judged[place] = str(entry.detail.get("through", "")).startswith("exchange:")
            elif entry.kind in _DECISIONS:
                party = str(entry.detail["party"]).partition(":")[2]
                decided.add((entry.subject.partition(":")[2], party))
            elif (crisis := crisis_named(entry.subject)) and entry.kind.startswith("crisis."):
                moved.add(crisis)
        if any(entry.kind in _COUNTED for entry in entries):
            SumPublication.objects.update_or_create(pk=1, defaults={"counts_due": True})
        making = _Builder(ledger_reads.heads().hub, now=now)
        making.parties()
        making.opinions(judged, decided=decided)
        making.crises(moved)
    return making.count


def _publish_sums(now: datetime) -> int:
    """Publish the sums that have changed; return how many.

    They are looked for without the ledger's lock, as that takes the longer the more signals were
    ever met. Counts that change meanwhile are published the next time.
    """
    last_entry = ledger_reads.heads().entries
    published = dict(ToldSum.objects.values_list("signal_id", "total"))
    totals = sighting_reads.totals()
    changed = sorted(pk for pk, total in totals.items() if published.get(pk) != total)
    count = 0
    for start in range(0, len(changed), _SUMS_AT_ONCE):
        batch = {pk: totals[pk] for pk in changed[start : start + _SUMS_AT_ONCE]}
        count += _publish_batch(batch, now=now)
    _note_published(last_entry, now=now)
    return count


@part()
def _publish_batch(totals: Mapping[int, int], *, now: datetime) -> int:
    """Publish the sums of some signals. totals: what to compare later sums with, by primary key."""
    making = _Builder(ledger_reads.heads().hub, now=now)
    making.sightings(sighting_reads.sums(totals))
    ToldSum.objects.bulk_create(
        [ToldSum(signal_id=pk, total=total) for pk, total in totals.items()],
        update_conflicts=True,
        unique_fields=["signal"],
        update_fields=["total"],
    )
    return making.count


@transaction.atomic
def _note_published(last_entry: int, *, now: datetime) -> None:
    """Note that sums were published; they are due again if counts changed since an entry."""
    ledger.lock_ledger()
    since = ledger_reads.unfiltered(after=last_entry, limit=_FEW_ENTRIES)
    is_due = len(since) == _FEW_ENTRIES or any(entry.kind in _COUNTED for entry in since)
    SumPublication.objects.update(counts_due=is_due, counted_at=now)


class _Builder:
    """Generator of one hub's objects at one time. count: number of new versions."""

    def __init__(self, hub: UUID, *, now: datetime) -> None:
        self.count = 0
        self._hub, self._now = hub, now

    def parties(self) -> None:
        """Generate an identity for each party that has none."""
        generated = StixObject.objects.filter(made_from__startswith="party:").values("shared_by")
        for party in Party.objects.exclude(pk__in=generated).order_by("pk"):
            stix_id = reads.party_id(self._hub, party.name)
            body = identity(stix_id, name=party.title, created=party.joined_at)
            facts: dict[str, Any] = {
                "shared_by": party,
                "tlp": Tlp.CLEAR.value,
                "made_from": f"party:{party.pk}",
                "exercise": party.exercise,
            }
            self._store(_Draft(body, facts))

    def opinions(
        self,
        judged: Mapping[tuple[str, str], bool],
        *,
        decided: Collection[tuple[str, str]],
    ) -> None:
        """Generate opinions that parties gave otherwise than by posting them.

        judged: whether it came through an exchange, by signal and party. decided: signals and
        parties whose dispute an agency set aside, or let count again.
        """
        uids = {UUID(signal) for signal, _ in {*judged, *decided}}
        for row in opinion_reads.opinions_about(uids) if uids else []:
            place = (str(row.signal.uid), row.party.name)
            if place in judged or place in decided:
                self._opinion(row, is_passed_on=judged.get(place), is_decided=place in decided)

    def _opinion(self, row: OpinionRow, *, is_passed_on: bool | None, is_decided: bool) -> None:
        """Generate a party's opinion of a signal.

        is_passed_on: None if only a decision on it is new.
        """
        own = StixObject.objects.filter(
            type="opinion", signal=row.signal, shared_by=row.party, is_latest=True
        )
        is_posted = own.filter(made_from="", kept_at=row.given_at).exists()
        if is_posted and not row.is_set_aside:
            return
        for old in own.filter(made_from=""):
            self._revoke(old)
        stix_id = named_id("opinion", self._hub, row.signal.uid, row.party.name)
        if is_passed_on is None:
            is_passed_on = own.filter(body__contains=json.dumps(PASSED_ON)).exists()
        body = opinion(
            stix_id,
            of=self._indicator(row.signal),
            stance=Opinion(row.opinion),
            note=row.note,
            tlp=Tlp(row.signal.tlp),
            created=row.given_at,
            modified=self._now if is_decided else row.given_at,
            by=reads.party_id(self._hub, row.party.name),
            marks=[
                *([SET_ASIDE] if row.is_set_aside else []),
                *([PASSED_ON] if is_passed_on else []),
            ],
        )
        facts = {"made_from": f"opinion:{row.pk}", "shared_by": row.party}
        self._store(_Draft(body, _of_signal(row.signal) | facts))

    def sightings(self, sums: Sequence[SightingSum]) -> None:
        """Generate the sightings of signals: how often matching content was met."""
        faces = reads.faces([row.signal.pk for row in sums])
        self._store(*(self._sighting(row, face=faces.get(row.signal.pk)) for row in sums))

    def _sighting(self, sums: SightingSum, *, face: Face | None) -> "_Draft":
        """Return the sighting of a signal. face: the indicator that was posted for it."""
        row = sums.signal
        body = sighting(
            indicator_id(row.uid).replace("indicator", "sighting", 1),
            of=_indicator_id(row, face),
            outcomes=sums.outcomes,
            span=(sums.first_at, sums.last_at),
            tlp=Tlp(row.tlp),
            created=self._now,
            modified=self._now,
            by=reads.party_id(self._hub, row.shared_by.name),
        )
        facts = {"made_from": f"sightings:{row.pk}", "shared_by": row.shared_by}
        return _Draft(body, _of_signal(row) | facts)

    def crises(self, moved: Collection[UUID]) -> None:
        """Generate the objects of crises that were warned of, moved, or ended."""
        for row in Crisis.objects.select_related("opened_by").filter(uid__in=moved):
            self._crisis(row)

    def _crisis(self, row: Crisis) -> None:
        """Generate the incident, the grouping and, once it is closed, the report of a crisis."""
        described = crises.describe(row, viewer=row.opened_by)
        by = reads.party_id(self._hub, row.opened_by.name)
        kinds = {"incident": incident, "grouping": grouping}
        if row.closed_at is not None:
            kinds["report"] = report
        for kind, make in kinds.items():
            stix_id = reads.crisis_object_id(kind, self._hub, row.uid)
            body = make(stix_id, described, modified=self._now, by=by)
            facts: dict[str, Any] = {"made_from": f"crisis:{row.pk}:{kind}", "crisis": row}
            # Everyone who may read a crisis's collection may also read the crisis object itself.
            facts |= {"shared_by": row.opened_by, "tlp": Tlp.GREEN.value}
            self._store(_Draft(body, facts | {"exercise": row.exercise}))

    def _indicator(self, row: Signal) -> str:
        """Return the id of a signal's indicator."""
        return _indicator_id(row, reads.faces([row.pk]).get(row.pk))

    def _revoke(self, old: StixObject) -> None:
        """Revoke an opinion that a party posted, as its opinion has changed."""
        body: Stix = json.loads(old.body)
        body |= {"revoked": True, "modified": stix_time(self._now)}
        facts: dict[str, Any] = {"shared_by": old.shared_by, "tlp": old.tlp}
        if old.signal is not None:
            facts |= _of_signal(old.signal)
        self._store(_Draft(body, facts | {"made_from": f"revoked:{old.pk}"}))

    def _store(self, *drafts: "_Draft") -> None:
        """Store new versions of objects, unless only their timestamp changed."""
        ids = [draft.body["id"] for draft in drafts]
        stored = StixObject.objects.filter(stix_id__in=ids, is_latest=True)
        latest = dict(stored.values_list("stix_id", "body"))
        new = [draft for draft in drafts if _is_new(draft.body, latest.get(draft.body["id"]))]
        if not new:
            return
        stored.filter(stix_id__in=[draft.body["id"] for draft in new]).update(is_latest=False)
        first = ledger.take_positions(len(new), now=self._now)
        StixObject.objects.bulk_create(
            StixObject(
                position=position,
                stix_id=draft.body["id"],
                type=draft.body["type"],
                version_at=datetime.fromisoformat(draft.body["modified"]),
                body=_ENCODER.encode(draft.body).decode(),
                is_first=draft.body["id"] not in latest,
                kept_at=self._now,
                **draft.facts,
            )
            for position, draft in enumerate(new, start=first)
        )
        self.count += len(new)


class _Draft(NamedTuple):
    """An object to store: its body, and the other columns of its row."""

    body: Stix
    facts: dict[str, Any]


def _indicator_id(signal: Signal, face: Face | None) -> str:
    """Return the id of a signal's indicator: of the one that was posted for it, if there is one."""
    return face.stix_id if face else indicator_id(signal.uid)


def _of_signal(signal: Signal) -> dict[str, Any]:
    """Return the columns of an object that refers to a signal."""
    return {
        "signal": signal,
        "crisis": signal.crisis,
        "exercise": signal.exercise,
        "tlp": signal.tlp,
    }


def _is_new(body: Stix, latest: str | None) -> bool:
    """Whether an object differs from its latest version, whose time of creation it gets."""
    if latest is None:
        return True
    last: Stix = json.loads(latest)
    body["created"] = last.get("created", body.get("created"))
    return _without_timestamp(last) != _without_timestamp(body)


def _without_timestamp(body: Stix) -> Stix:
    """Return an object without its timestamp."""
    return {name: value for name, value in body.items() if name != "modified"}
