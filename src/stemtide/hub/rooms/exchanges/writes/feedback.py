# SPDX-License-Identifier: Apache-2.0
"""Take opinions and sightings of a source, in the transaction of its page.

1 Opinions and sums of sightings are stored, whether their record came already or comes later.
2 Opinions of records that other parties' signals stand for become one opinion of the source's
  party: it disputes while a party there does, and agrees while one there agrees and none disputes.
3 Those beyond the limits of the source's party wait for the next run.

The source's own signals are disputed as the source weighs them (writes/records.py).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, NotFoundError, RateLimitError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.exchanges.models import Exchange, PartnerOpinion, PartnerSighting
from stemtide.hub.rooms.exchanges.reads import feedback as reads
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import SourceFeedback, SourceOpinion, SourceSighting
from stemtide.protocol.enums import Opinion
from stemtide.protocol.messages.signals import OpinionIn

OPINIONS, SIGHTINGS = "opinions", "sightings"
"""Names of their counts in those of an exchange."""

_COLUMNS = ["version", "opinion", "note", "is_due", "seen_at"]


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded; an opinion that is given here has its own entry")
def take(row: Exchange, feedback: SourceFeedback, *, now: datetime) -> Counter[str]:
    """Store the feedback of a page, and count what is due; return how many by kind."""
    counts: Counter[str] = Counter()
    _store_opinions(row, feedback.opinions, now=now)
    counts[SIGHTINGS] += _store_sightings(row, feedback.sightings, now=now)
    counts[OPINIONS] += _give_due(row, now=now)
    return +counts


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
        PartnerOpinion.objects.filter(pk__in=pks).update(opinion=Opinion.SEEN, is_due=True)
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
    PartnerOpinion.objects.bulk_create(
        [_opinion_row(row, opinion, now=now) for opinion in [*new[:room], *changed]],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["exchange", "key", "about"],
        update_fields=_COLUMNS,
    )


def _opinion_row(row: Exchange, opinion: SourceOpinion, *, now: datetime) -> PartnerOpinion:
    """Return the row of an opinion, which is due."""
    return PartnerOpinion(
        exchange=row,
        key=opinion.key,
        about=opinion.about,
        version=opinion.version,
        opinion=opinion.opinion,
        note=opinion.note,
        seen_at=now,
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
