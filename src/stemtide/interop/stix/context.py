# SPDX-License-Identifier: Apache-2.0
"""Build STIX objects that relate to signals: sightings, opinions, and their crisis."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stemtide.interop.stix.objects import EXTENSION, MARKING_OF, SPEC_VERSION, Stix, stix_time, tag
from stemtide.protocol.enums import Opinion
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.crises import CrisisOut

MAX_COUNT = 999_999_999
"""The highest count that a sighting may have. source: STIX 2.1 section 5.2."""

MAX_REFS = 1_000
"""Maximum signals that a grouping or report references."""

OPINION_OF = {
    Opinion.AGREE: "agree",
    Opinion.DISPUTE: "disagree",
    Opinion.SEEN: "neutral",
}
"""STIX opinion for each of ours."""

READ_OPINION = {
    "strongly-disagree": Opinion.DISPUTE,
    "disagree": Opinion.DISPUTE,
    "neutral": Opinion.SEEN,
    "agree": Opinion.AGREE,
    "strongly-agree": Opinion.AGREE,
}
"""Our opinion for each of STIX'. source: STIX 2.1 section 10.20."""


SET_ASIDE = tag("set-aside", "yes")
"""Label of a dispute that an agency of the hub set aside: it does not count there."""

PASSED_ON = tag("passed-on", "yes")
"""Label of an opinion that the hub has from another hub. Other hubs do not take it again."""


def _common_properties(stix_id: str, *, created: datetime, modified: datetime, by: str) -> Stix:
    """Return the common properties of our objects."""
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
    """Return a sighting: how often matching content was met, at all providers together.

    outcomes: uploads by current outcome; each counts once.
    """
    met = sum(outcomes.values())
    return {
        **_common_properties(stix_id, created=created, modified=modified, by=by),
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
    stance: Opinion,
    note: str,
    tlp: Tlp,
    created: datetime,
    modified: datetime,
    by: str,
    marks: Sequence[str] = (),
) -> Stix:
    """Return a party's opinion of a signal. marks: tags that say how far it counts here."""
    stix = {
        **_common_properties(stix_id, created=created, modified=modified, by=by),
        "opinion": OPINION_OF[stance],
        "object_refs": [of],
        "labels": [tag("opinion", stance.value), *marks],
        "object_marking_refs": [MARKING_OF[tlp]],
    }
    return stix | ({"explanation": note} if note else {})


def crisis_relationship(stix_id: str, *, signal: Stix, crisis: str, by: str) -> Stix:
    """Return the relationship of a signal to its crisis, with the times of its indicator."""
    stix = {
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
    return stix | ({"revoked": True} if signal.get("revoked") else {})


def incident(stix_id: str, crisis: CrisisOut, *, modified: datetime, by: str) -> Stix:
    """Return the object that represents a crisis: its name and stage."""
    return {
        **_common_properties(stix_id, created=crisis.warned_at, modified=modified, by=by),
        "name": crisis.name,
        "description": crisis.summary or f"{crisis.name}: {crisis.stage_title}",
        "labels": crisis_tags(crisis),
        "object_marking_refs": [MARKING_OF[Tlp.AMBER]],
    }


def grouping(stix_id: str, crisis: CrisisOut, *, modified: datetime, by: str) -> Stix:
    """Return a grouping of a crisis's signals, with a new version for each stage."""
    return {
        **_common_properties(stix_id, created=crisis.warned_at, modified=modified, by=by),
        "name": f"{crisis.name}: {crisis.stage_title}",
        "description": "Signals of one crisis",
        "context": "suspicious-activity",
        "labels": crisis_tags(crisis),
        "object_marking_refs": [MARKING_OF[Tlp.AMBER]],
    }


def report(stix_id: str, crisis: CrisisOut, *, modified: datetime, by: str) -> Stix:
    """Return a closed crisis's grouping as a published report."""
    closed = crisis.closed_at or modified
    return {
        **_common_properties(stix_id, created=closed, modified=modified, by=by),
        "name": f"{crisis.name}: signals at its end",
        "description": crisis.summary or "Signals of one crisis that is over",
        "report_types": ["threat-report"],
        "published": stix_time(closed),
        "labels": crisis_tags(crisis),
        "object_marking_refs": [MARKING_OF[Tlp.AMBER]],
    }


def with_references(stix: dict[str, Any], *, incident: str, signals: Sequence[str]) -> Stix:
    """Return a grouping or report with references to its objects, for one reader."""
    return {**stix, "object_refs": [incident, *signals[:MAX_REFS]]}


def crisis_tags(crisis: CrisisOut) -> list[str]:
    """Return the machine tags of a crisis."""
    tags = [
        tag("crisis", crisis.id),
        tag("phase", crisis.stage),
        tag("framework", crisis.framework),
    ]
    return tags + (['exercise:generic="comcheck"'] if crisis.exercise else [])
