# SPDX-License-Identifier: Apache-2.0
"""Take opinions and sightings of a source, in the transaction of its page.

1 Opinions and sums of sightings are stored, whether their record came already or comes later.
2 Opinions of records that other parties' signals stand for become one opinion of the source's
  party: it disputes while a party there does, and agrees while one there agrees and none disputes.
3 Those beyond the limits of the source's party wait for the next run.
4 Opinions and sightings of this hub that come back are left out.
5 After a reading of everything, those that did not come have ended.

The source's own signals are disputed as the source weighs them (writes/records.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from stemtide.hub.platform.errors import ConflictError, NotFoundError, RateLimitError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.exchanges.models import (
    Exchange,
    PartnerOpinion,
    PartnerSighting,
)
from stemtide.hub.rooms.exchanges.reads import feedback as reads
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.exchanges.writes import single_sightings
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix.reads import stix as stix_reads
from stemtide.interop.exchanges import Pull, SourceFeedback, SourceOpinion, SourceSighting
from stemtide.protocol.enums import Opinion
from stemtide.protocol.messages.signals import OpinionIn

OPINIONS, SIGHTINGS = "opinions", "sightings"
"""Names of their counts in those of an exchange."""

_COLUMNS = ["version", "opinion", "note", "author", "tlp", "is_due", "seen_at", "read_at"]


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded; an opinion that is given here has its own entry")
def take(row: Exchange, pull: Pull, *, now: datetime) -> Counter[str]:
    """Store the feedback of a page, and count what is due; return how many by kind."""
    counts: Counter[str] = Counter()
    feedback = _without_ours(pull.feedback)
    single_sightings.carry_on(row, feedback.merged)
    _carry_opinions_on(row, feedback.merged, now=now)
    _store_opinions(row, feedback.opinions, now=now)
    counts[SIGHTINGS] += _store_sightings(row, feedback.sightings, now=now)
    counts[SIGHTINGS] += single_sightings.store(row, feedback.single_sightings, now=now)
    if pull.full_since is not None:
        _note_seen(row, feedback, now=now)
        if pull.is_whole:
            counts[SIGHTINGS] += _end_unseen(row, since=pull.full_since)
    counts[OPINIONS] += _give_due(row, now=now)
    _delete_taken_back(row)
    return +counts


def _without_ours(feedback: SourceFeedback) -> SourceFeedback:
    """Return feedback in which opinions and sightings of this hub do not count."""
    names = {name for opinion in feedback.opinions for name in opinion.ids}
    names |= {name for sighting in feedback.single_sightings for name in sighting.ids}
    ours = stix_reads.used_ids(names)
    if not ours:
        return feedback
    return replace(
        feedback,
        opinions=tuple(
            opinion if ours.isdisjoint(opinion.ids) else replace(opinion, opinion=Opinion.SEEN)
            for opinion in feedback.opinions
        ),
        single_sightings=tuple(
            sighting if ours.isdisjoint(sighting.ids) else replace(sighting, count=0)
            for sighting in feedback.single_sightings
        ),
    )


def _carry_opinions_on(row: Exchange, merged: Mapping[str, str], *, now: datetime) -> None:
    """Let opinions of merged records be of the remaining ones; both are counted anew."""
    for batch in batches(merged):
        moving = row.partner_opinions.filter(about__in=batch).exclude(opinion=Opinion.SEEN)
        for about in set(moving.values_list("about", flat=True)):
            there = row.partner_opinions.filter(about=merged[about])
            keys = set(there.exclude(opinion=Opinion.SEEN).values_list("key", flat=True))
            opinions = [
                opinion for opinion in moving.filter(about=about) if opinion.key not in keys
            ]
            for opinion in opinions:
                opinion.pk, opinion.about = None, merged[about]
                opinion.is_due, opinion.seen_at = True, now
            _write_opinions(opinions)
            _take_back(moving.filter(about=about))


def _store_opinions(row: Exchange, opinions: Iterable[SourceOpinion], *, now: datetime) -> None:
    """Store new and changed opinions of a source, as far as there is room.

    A new one that does not count needs none.
    """
    by_place = {(opinion.key, opinion.about): opinion for opinion in opinions}
    if not by_place:
        return
    versions: dict[tuple[str, str], str] = {}
    gone: list[int] = []
    for batch in batches({key for key, _ in by_place}):
        for stored in row.partner_opinions.filter(key__in=batch):
            versions[stored.key, stored.about] = stored.version
            if (stored.key, stored.about) not in by_place:  # it names other records now
                gone.append(stored.pk)
    for pks in batches(gone):
        _take_back(PartnerOpinion.objects.filter(pk__in=pks))
    room = max(0, rules.MAX_STORED - row.partner_opinions.count())
    new = [
        opinion
        for place, opinion in by_place.items()
        if place not in versions and opinion.opinion is not Opinion.SEEN
    ]
    changed = [
        opinion
        for place, opinion in by_place.items()
        if versions.get(place, opinion.version) != opinion.version
    ]
    _write_opinions(_opinion_row(row, opinion, now=now) for opinion in [*new[:room], *changed])


def _write_opinions(opinions: Iterable[PartnerOpinion]) -> None:
    """Insert or update rows of opinions."""
    PartnerOpinion.objects.bulk_create(
        opinions,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["exchange", "key", "about"],
        update_fields=_COLUMNS,
    )


def _take_back(opinions: QuerySet[PartnerOpinion]) -> None:
    """Let opinions count no longer. If they come again, in whatever version, they do."""
    opinions.update(opinion=Opinion.SEEN, version="", is_due=True)


def _opinion_row(row: Exchange, opinion: SourceOpinion, *, now: datetime) -> PartnerOpinion:
    """Return the row of an opinion, which is due."""
    return PartnerOpinion(
        exchange=row,
        key=opinion.key,
        about=opinion.about,
        version=opinion.version,
        opinion=opinion.opinion,
        note=opinion.note,
        author=opinion.author,
        tlp=opinion.tlp or "",
        seen_at=now,
        read_at=now,
    )


def _store_sightings(row: Exchange, sightings: Iterable[SourceSighting], *, now: datetime) -> int:
    """Store new and changed sums of sightings, as far as there is room; return how many.

    None is in the future, whatever the clock of the source says.
    """
    by_record = {sighting.about: sighting for sighting in sightings}
    versions: dict[str, str] = {}
    for batch in batches(by_record):
        stored = row.partner_sightings.filter(about__in=batch)
        versions |= dict(stored.values_list("about", "version"))
    room = rules.MAX_STORED - row.partner_sightings.count() if by_record else 0
    new = [
        about
        for about, sighting in by_record.items()
        if about not in versions and sighting.outcomes
    ][: max(0, room)]
    changed = [about for about, version in versions.items() if by_record[about].version != version]
    PartnerSighting.objects.bulk_create(
        [
            PartnerSighting(
                exchange=row,
                about=about,
                version=by_record[about].version,
                outcomes={
                    outcome.value: count for outcome, count in by_record[about].outcomes.items()
                },
                last_at=min(by_record[about].last_at, now),
            )
            for about in [*new, *changed]
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["exchange", "about"],
        update_fields=["version", "outcomes", "last_at"],
    )
    return len(new) + len(changed)


def _note_seen(row: Exchange, feedback: SourceFeedback, *, now: datetime) -> None:
    """Note that opinions and sightings came again, in a reading of everything."""
    for batch in batches({opinion.key for opinion in feedback.opinions}):
        row.partner_opinions.filter(key__in=batch).update(read_at=now)
    keys = {sighting.key for sighting in feedback.single_sightings}
    single_sightings.note_seen(row, keys, now=now)


def _end_unseen(row: Exchange, *, since: datetime) -> int:
    """End opinions and sightings that did not come again; return how many sightings."""
    unseen = row.partner_opinions.filter(Q(read_at=None) | Q(read_at__lt=since))
    _take_back(unseen.exclude(opinion=Opinion.SEEN))
    return single_sightings.end_unseen(row, since=since)


def _delete_taken_back(row: Exchange) -> None:
    """Delete opinions that do not count and were counted: they need no room any more."""
    is_waiting = Q(is_due=True) & Exists(reads.records_of_others(row).filter(key=OuterRef("about")))
    row.partner_opinions.filter(~is_waiting, opinion=Opinion.SEEN).delete()


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded")
def note_ended(row: Exchange, keys: Iterable[str]) -> None:
    """Have opinions of records that ended counted anew."""
    for batch in batches(keys):
        row.partner_opinions.filter(about__in=batch).update(is_due=True)


def _give_due(row: Exchange, *, now: datetime) -> int:
    """Give the opinions of the source's party that are due; return how many changed."""
    count = 0
    for signal in reads.due_signals(row):
        try:
            count += _give(row, signal, now=now)
        except RateLimitError:
            reads.due_of(row, signal).update(seen_at=now)  # it stays due, behind the others
            continue
        except (ConflictError, NotFoundError):
            pass  # the signal has ended, or the party may not see it
        reads.due_of(row, signal).update(is_due=False)
    return count


def _give(row: Exchange, signal: Signal, *, now: datetime) -> bool:
    """Give the opinion of the source's party of one signal; return whether it changed.

    raises: RateLimitError, ConflictError, NotFoundError.
    """
    counts, reason = reads.opinions_of(row, signal)
    opinion, note = rules.joint_opinion(counts, reason=reason, party=row.party.title)
    before = OpinionRow.objects.filter(signal=signal, party=row.party).first()
    present = Opinion(before.opinion) if before else Opinion.SEEN
    if present is opinion:
        return False
    signals.give_opinion(
        signal.uid,
        body=OpinionIn(opinion=opinion, note=note),
        by=row.party,
        now=now,
        actor_ref=row.ref,
    )
    return True
