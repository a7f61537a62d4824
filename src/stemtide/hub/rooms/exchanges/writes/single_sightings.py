# SPDX-License-Identifier: Apache-2.0
"""Store single sightings of a source that gives no sums; they are added up when they are read."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.exchanges.models import Exchange, PartnerSingleSighting
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.interop.exchanges import SingleSighting

_COLUMNS = ["about", "version", "count", "last_at", "tlp", "seen_at"]


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded")
def store(row: Exchange, sightings: Iterable[SingleSighting], *, now: datetime) -> int:
    """Store new and changed sightings, as far as there is room, and delete those taken back.

    Return how many. None is in the future, whatever the clock of the source says.
    """
    by_key = {sighting.key: sighting for sighting in sightings}
    versions: dict[str, str] = {}
    for batch in batches(by_key):
        stored = row.single_sightings.filter(key__in=batch)
        versions |= dict(stored.values_list("key", "version"))
    gone = [key for key in versions if not by_key[key].count]
    for batch in batches(gone):
        row.single_sightings.filter(key__in=batch).delete()
    counting = {key: sighting for key, sighting in by_key.items() if sighting.count}
    room = rules.MAX_STORED - row.single_sightings.count() if counting else 0
    new = [key for key in counting if key not in versions][: max(0, room)]
    changed = [key for key in counting if versions.get(key, "") not in {"", counting[key].version}]
    PartnerSingleSighting.objects.bulk_create(
        [_sighting_row(row, counting[key], now=now) for key in [*new, *changed]],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["exchange", "key"],
        update_fields=_COLUMNS,
    )
    return len(gone) + len(new) + len(changed)


def _sighting_row(
    row: Exchange, sighting: SingleSighting, *, now: datetime
) -> PartnerSingleSighting:
    """Return the row of a sighting."""
    return PartnerSingleSighting(
        exchange=row,
        key=sighting.key,
        about=sighting.about,
        version=sighting.version,
        count=sighting.count,
        last_at=min(sighting.last_at, now),
        tlp=sighting.tlp or "",
        seen_at=now,
    )


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded")
def carry_on(row: Exchange, merged: Mapping[str, str]) -> None:
    """Let sightings of merged records be of the remaining ones."""
    for batch in batches(merged):
        abouts = row.single_sightings.filter(about__in=batch).values_list("about", flat=True)
        for about in set(abouts):
            row.single_sightings.filter(about=about).update(about=merged[about])


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded")
def note_seen(row: Exchange, keys: Iterable[str], *, now: datetime) -> None:
    """Note that sightings came again, in a reading of everything."""
    for batch in batches(keys):
        row.single_sightings.filter(key__in=batch).update(seen_at=now)


@needs_no_lock("the page that it belongs to has the lock")
@needs_no_entry("the page is recorded")
def end_unseen(row: Exchange, *, since: datetime) -> int:
    """Delete sightings that did not come since a reading of everything began; return how many."""
    deleted, _ = row.single_sightings.filter(seen_at__lt=since).delete()
    return deleted
