# SPDX-License-Identifier: Apache-2.0
"""Read the sightings of a MISP event's attributes: counts of matches, and false positives.

MISP shows the sightings that it has now, so each reading replaces the last one. Sightings that
hubs sent there are left out: nothing is counted twice.

source: MISP, sightings: type 0 is a sighting, 1 a false positive, 2 an expiration.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stemtide.interop.exchanges import SourceFeedback, SourceOpinion, SourceSighting
from stemtide.interop.misp.pulled import attributes_of, kind_and_value, objects_in, stamp_of
from stemtide.protocol.enums import Opinion, Outcome

HUB_SOURCE = "Stemtide hub"
"""Source of the sightings that a hub sends to a MISP."""

_MET, _FALSE_POSITIVE = "0", "1"


def read_sightings(sent: object) -> SourceFeedback:
    """Return an opinion and a count for each attribute of an event that is a signal."""
    body = sent.get("Event") if isinstance(sent, dict) else None
    opinions: list[SourceOpinion] = []
    counts: list[SourceSighting] = []
    for key, sightings in _signals(body if isinstance(body, dict) else {}):
        wrong = sum(str(sighting.get("type")) == _FALSE_POSITIVE for sighting in sightings)
        met = [sighting for sighting in sightings if str(sighting.get("type")) == _MET]
        last_s = max((_time_s(sighting) for sighting in met), default=0)
        opinions.append(
            SourceOpinion(
                key=f"{key} false positives",
                version=str(wrong),
                about=key,
                opinion=Opinion.DISPUTE if wrong else Opinion.SEEN,
                note=f"false positives there: {wrong}" if wrong else "",
            )
        )
        counts.append(
            SourceSighting(
                version=f"{len(met)} {last_s}",
                about=key,
                outcomes={Outcome.LOGGED: len(met)} if met else {},
                last_at=datetime.fromtimestamp(last_s, UTC),
            )
        )
    return SourceFeedback(tuple(opinions), tuple(counts))


def _signals(body: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the attributes of an event that are signals, by key, with the sightings of others."""
    for attribute in attributes_of(body):
        try:
            key = str(UUID(str(attribute.get("uuid"))[:80]))
        except ValueError:
            continue
        if kind_and_value(attribute) is not None:
            sightings = objects_in(attribute.get("Sighting"))
            yield key, [row for row in sightings if row.get("source") != HUB_SOURCE]


def _time_s(sighting: dict[str, Any]) -> int:
    """Return the time of a sighting in seconds, 0 if it is none."""
    return stamp_of(sighting.get("date_sighting")) or 0
