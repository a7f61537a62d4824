# SPDX-License-Identifier: Apache-2.0
"""Read opinions and sightings of an OpenCTI's stream.

1 An opinion has an author, and may have a mark of its own. A negative sighting is a false positive:
  a dispute, as in MISP.
2 OpenCTI gives single sightings. Sums (`summary`) are left out, so that nothing is counted twice.
3 An opinion that has a label of a hub came from one, and is not passed on: it would be the second
  hop.
4 An object that is deleted, or that cannot be read any more, no longer counts.
5 What refers to a merged indicator refers to the remaining one.

source: OpenCTI's converter of its objects to STIX 2.1 (count, negative, granted_refs).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from stemtide.interop.exchanges import (
    RecordError,
    SingleSighting,
    SourceFeedback,
    SourceOpinion,
)
from stemtide.interop.stix.events import (
    MERGED_INTO,
    ids_of,
    is_for_organisations,
    opencti_extension,
)
from stemtide.interop.stix.feedback import plain_note, taken_back
from stemtide.interop.stix.objects import Stix, signal_uids
from stemtide.interop.stix.posted import (
    Posted,
    PostedError,
    opinion_of,
    read_object,
    sighting_of,
)
from stemtide.protocol.enums import Opinion
from stemtide.protocol.handling import Tlp

_MAX_KEY, _MAX_NOTE, _DIGITS = 300, 500, 16
_FUTURE = timedelta(days=1)
_ID = re.compile(r"[a-z-]{1,40}--[0-9a-f-]{36}", re.ASCII)
_OF_A_HUB = "stemtide:"
_UNKNOWN = "unknown"
"""Author of all opinions that name none."""


def read_event_feedback(objects: Iterable[Stix], *, now: datetime) -> SourceFeedback:
    """Return the opinions and sightings of a page. Of several versions the last one counts."""
    opinions: dict[str, list[SourceOpinion]] = {}
    sightings: dict[str, SingleSighting] = {}
    faults: list[RecordError] = []
    merged: dict[str, str] = {}
    # From the last object to the first: a merge moves what came before it.
    for stix in reversed(list(objects)):
        key = stix["id"][:_MAX_KEY]
        if stix["type"] == "indicator":
            _note_merge(stix, merged=merged)
        if stix["type"] not in {"opinion", "sighting"} or key in opinions:
            continue
        try:
            opinions[key] = _opinions(stix, merged=merged, now=now)
            if stix["type"] == "sighting":
                sightings[key] = _sighting(stix, merged=merged, now=now)
        except PostedError as error:
            faults.append(RecordError(key, str(error)))
            opinions[key] = [taken_back(key)]
            sightings[key] = _uncounted(key)
    flat = [opinion for group in reversed(opinions.values()) for opinion in group]
    return SourceFeedback(
        opinions=tuple(opinion for opinion in flat if _ID.fullmatch(opinion.key)),
        faults=tuple(reversed(faults)),
        single_sightings=tuple(
            sighting for key, sighting in reversed(sightings.items()) if _ID.fullmatch(key)
        ),
        merged=merged,
    )


def _note_merge(stix: Stix, *, merged: dict[str, str]) -> None:
    """Note into which indicator one was merged, and into which that one was merged later."""
    target = str(stix.get(MERGED_INTO))
    if not (_is_indicator(stix["id"]) and _is_indicator(target)):
        return
    merged[stix["id"]] = merged.get(target, target)
    if merged[stix["id"]] == stix["id"]:  # it was merged there and back
        del merged[stix["id"]]


def _opinions(stix: Stix, *, merged: Mapping[str, str], now: datetime) -> list[SourceOpinion]:
    """Return an opinion, or a false positive, once for each of its indicators.

    raises: PostedError.
    """
    if stix.get("revoked") is True:  # even if the object is invalid otherwise
        return [taken_back(stix["id"][:_MAX_KEY])]
    explanation = stix.get("explanation")
    if isinstance(explanation, str):
        stix = {**stix, "explanation": explanation[:_MAX_NOTE]}
    posted = read_object(stix)
    refs, opinion, note = _judgement(posted, now=now)
    abouts = dict.fromkeys(merged.get(ref, ref) for ref in refs if _is_indicator(ref))
    author, tlp = _author(stix), _mark(posted)
    labels = stix.get("labels") or []
    if any(str(label).lower().startswith(_OF_A_HUB) for label in labels):
        opinion = Opinion.SEEN
    return [
        SourceOpinion(
            key=posted.id,
            version=_version(posted, opinion, note, author, tlp),
            about=about,
            opinion=opinion,
            note=note,
            author=author,
            tlp=tlp,
            ids=_ids(stix),
        )
        for about in abouts
    ] or [taken_back(posted.id)]


def _judgement(posted: Posted, *, now: datetime) -> tuple[tuple[str, ...], Opinion, str]:
    """Return what an opinion or a sighting refers to, the opinion, and a note with it.

    raises: PostedError.
    """
    if posted.type == "opinion":
        read = opinion_of(posted)
        return read.of, read.opinion, plain_note(read.note)
    of, _, _ = _counted(posted, now=now)
    if _is_negative(posted.stix):
        return (of,), Opinion.DISPUTE, "negative sighting"
    return (of,), Opinion.SEEN, ""


def _sighting(stix: Stix, *, merged: Mapping[str, str], now: datetime) -> SingleSighting:
    """Return a sighting; its count is 0 if it does not count. raises: PostedError."""
    key = stix["id"][:_MAX_KEY]
    if stix.get("revoked") is True:
        return _uncounted(key)
    posted = read_object(stix)
    of, count, last_at = _counted(posted, now=now)
    if _is_negative(stix) or stix.get("summary") is True or not _is_indicator(of):
        return _uncounted(key)
    about, tlp = merged.get(of, of), _mark(posted)
    version = _version(posted, about, count, last_at, tlp)
    return SingleSighting(key, version, about, count, last_at, tlp, _ids(stix))


def _counted(posted: Posted, *, now: datetime) -> tuple[str, int, datetime]:
    """Return what a sighting refers to, how often that was met, and when last.

    raises: PostedError.
    """
    read = sighting_of(posted)
    if read.last_at > now + _FUTURE:
        raise PostedError("last_seen: lies in the future")
    return read.of, int(posted.stix.get("count", 1)), read.last_at


def _uncounted(key: str) -> SingleSighting:
    """Return a sighting that does not count, or no longer."""
    return SingleSighting(key, "", "", 0, datetime.fromtimestamp(0, UTC))


def _is_indicator(name: str) -> bool:
    """Whether a name is that of an indicator."""
    return bool(_ID.fullmatch(name) and signal_uids(name))


def _is_negative(stix: Stix) -> bool:
    """Whether a sighting is a false positive in an OpenCTI."""
    return stix.get("x_opencti_negative") is True or opencti_extension(stix).get("negative") is True


def _author(stix: Stix) -> str:
    """Return the author of an opinion."""
    author = stix.get("created_by_ref")
    return author if isinstance(author, str) and _ID.fullmatch(author) else _UNKNOWN


def _mark(posted: Posted) -> Tlp | None:
    """Return the mark that an object has itself, None if it has none."""
    marks = [posted.tlp] if posted.stix.get("object_marking_refs") else []
    if is_for_organisations(posted.stix):
        marks.append(Tlp.AMBER)
    return min(marks, key=list(Tlp).index, default=None)


def _ids(stix: Stix) -> tuple[str, ...]:
    """Return the ids of an object that can be ids."""
    return tuple(name for name in ids_of(stix) if _ID.fullmatch(name))


def _version(posted: Posted, *facts: object) -> str:
    """Return the version of an object: deletions and labels do not change its own."""
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()
    return f"{posted.version} {digest[:_DIGITS]}"
