# SPDX-License-Identifier: Apache-2.0
"""Rules of events: which crises may be about one, and which other mechanisms act on it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.crises.rules.arrivals import AHEAD, EARLIEST
from stemtide.hub.rooms.crises.rules.crises import (
    CLOCK_SKEW,
    Acting,
    CrisisFacts,
    check_in_room,
    check_leads,
    check_writes,
)
from stemtide.protocol.law.neighbours import mechanisms

NEAR = timedelta(hours=6)
"""Events so close in time, in the same country and with a similar name, may be one."""

SIMILAR = 0.6
"""How alike two names are at least, from 0 to 1. source: tried on pairs of headlines of one event
and of two; a person decides in any case."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The facts about the event of a crisis. happened_at: its first warning if unknown."""

    name: str
    countries: Collection[str]
    refs: Collection[str]
    happened_at: datetime
    exercise: bool


def similarity(crisis: EventFacts, other: EventFacts) -> str | None:
    """Return why two crises may be one event; None if they have too little in common."""
    if crisis.exercise is not other.exercise:
        return None
    if same := {ref.casefold() for ref in crisis.refs} & {ref.casefold() for ref in other.refs}:
        return f"both name {min(same)}"
    if abs(crisis.happened_at - other.happened_at) > NEAR:
        return None
    shared = sorted(set(crisis.countries) & set(other.countries))
    names = SequenceMatcher(None, crisis.name.casefold(), other.name.casefold())
    if shared and names.ratio() >= SIMILAR:
        return f"{', '.join(shared)}, within {NEAR.seconds // 3600} hours, and a similar name"
    return None


def check_link(
    facts: CrisisFacts, other: CrisisFacts, *, by: Acting, is_same: bool, are_linked: bool
) -> None:
    """Check that the party may link two crises to one event: authorities and agencies may.

    is_same: both are one crisis. are_linked: they are linked already.
    """
    check_leads(facts, by=by, act="links crises")
    check_writes(by)
    if is_same:
        raise InvalidError("crisis", "is the same crisis: name the other one")
    if facts.exercise is not other.exercise:
        raise InvalidError(
            "crisis", "one crisis is an exercise and the other is real: you cannot link them"
        )
    if are_linked:
        raise ConflictError("these two crises are already linked")


def check_unlink(facts: CrisisFacts, *, by: Acting, has_others: bool) -> None:
    """Check that the party may separate a crisis from its event: authorities and agencies may."""
    check_leads(facts, by=by, act="links crises")
    check_writes(by)
    if not has_others:
        raise ConflictError("this crisis is not linked with another")


def check_neighbour(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that an authority or agency in the room mirrors another mechanism."""
    check_leads(facts, by=by, act="mirrors other mechanisms")
    check_writes(by)


def check_mirror(facts: CrisisFacts, *, by: Acting, speaks_for: str, framework: str = "") -> None:
    """Check that the party may note a mechanism's activation: its own party, or one that leads.

    speaks_for: the mechanism that the party speaks for; "" for none.
    framework: that of the activation; "" for any, before a form is filled in.
    """
    if speaks_for and framework in {"", speaks_for}:
        check_in_room(facts, by)
        check_writes(by)
        return
    if speaks_for and by.kind not in facts.leads:
        raise NotAllowedError(
            "your party speaks for {own}, and notes the activations of no other mechanism",
            own=speaks_for,
        )
    check_neighbour(facts, by=by)


def check_update_neighbour(
    facts: CrisisFacts, *, by: Acting, speaks_for: str, framework: str, own_by: str | None
) -> None:
    """Check that the party may change a noted activation.

    What the mechanism's own party noted, only that party changes: nobody else can end it.

    own_by: the party that speaks for the mechanism, if it noted or updated the activation.
    """
    if own_by is not None and own_by != by.name:
        raise NotAllowedError(
            "{party} speaks for this mechanism and noted this itself: ask it to change it",
            party=own_by,
        )
    if own_by == by.name:  # also once the crisis is over, or it would stay active for ever
        check_writes(by)
        return
    check_mirror(facts, by=by, speaks_for=speaks_for, framework=framework)


def check_mechanism(
    *, framework: str, version: str, type_: str, before: Collection[tuple[str, str, str]]
) -> None:
    """Check that a known mechanism has the type, and that the activation is new.

    before: framework, version and type of what is mirrored for the event and not ended.
    """
    mechanism = mechanisms().get((framework, version))
    if mechanism is not None and mechanism.is_complete and type_ not in mechanism.types:
        raise InvalidError(
            "type",
            "{title} has no {type!r}; it has {types}",
            title=mechanism.title,
            type=type_[:60],
            types=", ".join(mechanism.types),
        )
    if mechanism is None and (versions := sorted(v for f, v in mechanisms() if f == framework)):
        raise InvalidError(
            "version",
            "{framework} has the versions {versions}: choose one",
            framework=framework,
            versions=", ".join(versions),
        )
    if (framework, version, type_) in before:
        raise ConflictError(
            "{framework} {version} {type} is already recorded for this event: update it",
            framework=framework,
            version=version,
            type=type_,
        )


def check_span(*, started_at: datetime, ended_at: datetime | None, now: datetime) -> None:
    """Check that another mechanism's activation has begun, and ends after it began."""
    if started_at > now + CLOCK_SKEW:
        raise InvalidError("started_at", "is in the future: enter when it began")
    if started_at < EARLIEST:
        raise InvalidError("started_at", "is before 1970: enter when it began")
    if ended_at is not None and ended_at > now + AHEAD:
        raise InvalidError("ended_at", "is more than ten years in the future: enter when it ends")
    if ended_at is not None and ended_at < started_at:
        raise InvalidError("ended_at", "is before the beginning: correct one of the two")
