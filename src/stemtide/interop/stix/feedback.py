# SPDX-License-Identifier: Apache-2.0
"""Read opinions and sightings of a TAXII server's indicators.

Opinions that the server has from another hub do not count, and counts of sightings that are no sums
are left out: nothing is counted twice, and no opinion goes in circles.
"""

from collections.abc import Iterable

from stemtide.interop.exchanges import (
    RecordError,
    SourceFeedback,
    SourceOpinion,
    SourceSighting,
)
from stemtide.interop.stix.context import PASSED_ON, SET_ASIDE
from stemtide.interop.stix.objects import Stix, signal_uids
from stemtide.interop.stix.posted import (
    Posted,
    PostedError,
    opinion_of,
    read_object,
    sighting_of,
)
from stemtide.protocol.enums import Opinion

_MAX_KEY = 300


def read_feedback(sent: Iterable[object]) -> SourceFeedback:
    """Return the opinions and sightings of a page. Of several versions the last one counts."""
    opinions: dict[str, list[SourceOpinion]] = {}
    sightings: dict[str, SourceSighting] = {}
    faults: list[RecordError] = []
    for stix in sent:
        if not isinstance(stix, dict) or stix.get("type") not in {"opinion", "sighting"}:
            continue
        try:
            if stix["type"] == "opinion":
                opinions[str(stix.get("id"))] = _opinions(stix)
            elif (sighting := _sighting(stix)) is not None:
                sightings[sighting.about] = sighting
        except PostedError as error:
            faults.append(RecordError(str(stix.get("id"))[:_MAX_KEY], str(error)))
    flat = tuple(opinion for group in opinions.values() for opinion in group)
    return SourceFeedback(flat, tuple(sightings.values()), tuple(faults))


def _opinions(stix: Stix) -> list[SourceOpinion]:
    """Return an opinion, once for each of its indicators; if there is none, as taken back.

    raises: PostedError.
    """
    posted = read_object(stix)
    read = opinion_of(posted)
    labels = stix.get("labels") or []
    is_counting = not (posted.is_revoked or SET_ASIDE in labels or PASSED_ON in labels)
    return [
        SourceOpinion(
            key=posted.id,
            version=_version(posted),
            about=about,
            opinion=read.opinion if is_counting else Opinion.SEEN,
            note=plain_note(read.note),
        )
        for about in read.of
        if len(about) <= _MAX_KEY and signal_uids(about)
    ] or [taken_back(posted.id)]


def taken_back(key: str) -> SourceOpinion:
    """Return an opinion that is about no indicator, or no longer."""
    return SourceOpinion(key=key, version="", about="", opinion=Opinion.SEEN)


def plain_note(text: str) -> str:
    """Return a note without characters that a database or a page cannot have."""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _sighting(stix: Stix) -> SourceSighting | None:
    """Return a sum of sightings, None for a single sighting. raises: PostedError."""
    posted = read_object(stix)
    read = sighting_of(posted)
    if stix.get("summary") is not True or not signal_uids(read.of):
        return None
    outcomes = {} if posted.is_revoked else read.outcomes
    return SourceSighting(_version(posted), read.of, outcomes, read.last_at)


def _version(posted: Posted) -> str:
    """Return the version of an object with the labels that decide whether it counts here."""
    labels = posted.stix.get("labels") or []
    names = {SET_ASIDE: "set-aside", PASSED_ON: "passed-on"}
    return " ".join([str(posted.version), *(names[name] for name in names if name in labels)])
