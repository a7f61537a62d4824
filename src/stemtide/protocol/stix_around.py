# SPDX-License-Identifier: Apache-2.0
"""What stands around signals in STIX: counts, opinions, and the crisis that they belong to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stemtide.protocol.crises import CrisisOut
from stemtide.protocol.handling import Tlp
from stemtide.protocol.stix import EXTENSION, MARKING_OF, SPEC_VERSION, Stix, stix_time, tag
from stemtide.protocol.words import Opinion

MAX_COUNT = 999_999_999
"""The highest count that a sighting may have. source: STIX 2.1 section 5.2."""

MAX_REFS = 1_000
"""Signals that a grouping or report names."""

OPINION_OF = {
    Opinion.AGREE: "agree",
    Opinion.DISPUTE: "disagree",
    Opinion.SEEN: "neutral",
}
"""What STIX says for each of our opinions."""

READ_OPINION = {
    "strongly-disagree": Opinion.DISPUTE,
    "disagree": Opinion.DISPUTE,
    "neutral": Opinion.SEEN,
    "agree": Opinion.AGREE,
    "strongly-agree": Opinion.AGREE,
}
"""What we say for each of STIX' opinions. source: STIX 2.1 section 10.20."""


def _object(stix_id: str, *, created: datetime, modified: datetime, by: str) -> Stix:
    """What every object of ours begins with."""
    return {
        "type": stix_id.partition("--")[0],
        "spec_version": SPEC_VERSION,
        "id": stix_id,
        "created_by_ref": by,
        "created": stix_time(min(created, modified)),
        "modified": stix_time(modified),
    }


def sighting(
    stix_id: str,
    *,
    of: str,
    outcomes: dict[str, int],
    span: tuple[datetime, datetime],
    tlp: Tlp,
    created: datetime,
    modified: datetime,
    by: str,
) -> Stix:
    """How often content that matched a signal was met, at all providers together.

    outcomes: uploads by present outcome; each counts once.
    """
    met = sum(outcomes.values())
    return {
        **_object(stix_id, created=created, modified=modified, by=by),
        "first_seen": stix_time(span[0]),
        "last_seen": stix_time(span[1]),
        "count": min(met, MAX_COUNT),
        "sighting_of_ref": of,
        "summary": True,
        "object_marking_refs": [MARKING_OF[tlp]],
        "extensions": {EXTENSION: {"extension_type": "property-extension", "outcomes": outcomes}},
    }


def opinion(
    stix_id: str,
    *,
    of: str,
    said: Opinion,
    note: str,
    tlp: Tlp,
    created: datetime,
    modified: datetime,
    by: str,
) -> Stix:
    """What one party says of a signal."""
    found = {
        **_object(stix_id, created=created, modified=modified, by=by),
        "opinion": OPINION_OF[said],
        "object_refs": [of],
        "labels": [tag("opinion", said.value)],
        "object_marking_refs": [MARKING_OF[tlp]],
    }
    return found | ({"explanation": note} if note else {})


def related(stix_id: str, *, signal: Stix, crisis: str, by: str) -> Stix:
    """That a signal belongs to a crisis; as old, as new and as valid as the signal's indicator."""
    found = {
        "type": "relationship",
        "spec_version": SPEC_VERSION,
        "id": stix_id,
        "created_by_ref": by,
        "created": signal["created"],
        "modified": signal["modified"],
        "relationship_type": "related-to",
        "source_ref": signal["id"],
        "target_ref": crisis,
        "object_marking_refs": signal.get("object_marking_refs", [MARKING_OF[Tlp.AMBER]]),
    }
    return found | ({"revoked": True} if signal.get("revoked") else {})


def incident(stix_id: str, crisis: CrisisOut, *, modified: datetime, by: str) -> Stix:
    """The anchor of a crisis: that it is there, what it is called, where it stands."""
    return {
        **_object(stix_id, created=crisis.warned_at, modified=modified, by=by),
        "name": crisis.name,
        "description": crisis.summary or f"{crisis.name}: {crisis.stage_title}",
        "labels": crisis_tags(crisis),
        "object_marking_refs": [MARKING_OF[Tlp.AMBER]],
    }


def grouping(stix_id: str, crisis: CrisisOut, *, modified: datetime, by: str) -> Stix:
    """The signals of a crisis together, made anew when it moves to another stage."""
    return {
        **_object(stix_id, created=crisis.warned_at, modified=modified, by=by),
        "name": f"{crisis.name}: {crisis.stage_title}",
        "description": "Signals of one crisis",
        "context": "suspicious-activity",
        "labels": crisis_tags(crisis),
        "object_marking_refs": [MARKING_OF[Tlp.AMBER]],
    }


def report(stix_id: str, crisis: CrisisOut, *, modified: datetime, by: str) -> Stix:
    """The same at the end of a crisis, as something that is published."""
    closed = crisis.closed_at or modified
    return {
        **_object(stix_id, created=closed, modified=modified, by=by),
        "name": f"{crisis.name}: signals at its end",
        "description": crisis.summary or "Signals of one crisis that is over",
        "report_types": ["threat-report"],
        "published": stix_time(closed),
        "labels": crisis_tags(crisis),
        "object_marking_refs": [MARKING_OF[Tlp.AMBER]],
    }


def naming(found: dict[str, Any], *, incident: str, signals: Sequence[str]) -> Stix:
    """A grouping or report with the objects that it names, for one reader."""
    return {**found, "object_refs": [incident, *signals[:MAX_REFS]]}


def crisis_tags(crisis: CrisisOut) -> list[str]:
    """Machine tags of a crisis."""
    found = [
        tag("crisis", crisis.id),
        tag("phase", crisis.stage),
        tag("framework", crisis.framework),
    ]
    return found + (['exercise:generic="comcheck"'] if crisis.exercise else [])
