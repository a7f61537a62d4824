# SPDX-License-Identifier: Apache-2.0
"""Rules of crises: who sees one, takes part, warns, rates and answers, and when.

Moves are in moves.py, participation in participants.py, links with others in events.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.parties.rules.parties import COORDINATING, check_country
from stemtide.hub.rooms.parties.rules.standing import Acting
from stemtide.protocol.enums import CheckAnswer, JoinState, PartyKind, TriageOutcome
from stemtide.protocol.law.frameworks import Framework, Stage
from stemtide.protocol.law.triage import TriageError, triages

__all__ = [
    "Acting",
    "CrisisFacts",
    "PartyNamed",
    "accepts_signals",
    "allows",
    "check_answer",
    "check_countries",
    "check_in_room",
    "check_leads",
    "check_measure",
    "check_new_countries",
    "check_triage",
    "check_warn",
    "check_widen",
    "check_writes",
    "is_in_room",
    "is_insider",
    "is_over_for",
    "may_see",
    "took_part",
    "triage_outcome",
]

CLOCK_SKEW = timedelta(minutes=5)
"""By how much another machine's clock may run ahead of ours."""

ASKED = frozenset({JoinState.INVITED, JoinState.JOINED, JoinState.DECLINED, JoinState.LEFT})
"""States of a party that was asked, and so knows of the crisis."""


class PartyNamed(Protocol):
    """The facts that the rules need of a party; a party's row is one."""

    @property
    def name(self) -> str:
        """Return the party's name."""

    @property
    def kind(self) -> str:
        """Return the party's kind."""

    @property
    def country(self) -> str:
        """Return the party's country; "" if it has none."""


@dataclass(frozen=True, slots=True)
class CrisisFacts:
    """The facts that the rules need of a crisis.

    states:   the state of each party that was ever invited, by name.
    answers:  the latest one to each test.
    measures: how many national measures are recorded as considered.
    is_answered: a leading party said which signals stay after the crisis, or it has none.
    is_current:  and no signal came or changed since.
    """

    framework: Framework
    stage: str
    opened_by: str
    countries: tuple[str, ...]
    exercise: bool = False
    tail_ends_at: datetime | None = None
    states: Mapping[str, JoinState] = field(default_factory=dict)
    answers: Mapping[str, CheckAnswer] = field(default_factory=dict)
    measures: int = 0
    is_answered: bool = True
    is_current: bool = True

    @property
    def at(self) -> Stage:
        """Return its current stage."""
        return self.framework.stages[self.stage]

    @property
    def is_ended(self) -> bool:
        """Whether its tail is over."""
        return self.stage == self.framework.ended_stage

    @property
    def leads(self) -> tuple[PartyKind, ...]:
        """Return the kinds of party that decide about its stage."""
        return self.at.leads or self.framework.leads


def may_see(facts: CrisisFacts, *, name: str, kind: PartyKind) -> bool:
    """Whether a party sees a crisis.

    Authorities, agencies, consortia and who opened it do; providers and observers once they were
    asked to take part, observers not before it has left the first stage.
    """
    if kind in COORDINATING or name == facts.opened_by:
        return True
    if kind is PartyKind.OBSERVER and facts.stage == facts.framework.first_stage:
        return False
    return facts.states.get(name) in ASKED


def took_part(facts: CrisisFacts, party: PartyNamed) -> bool:
    """Whether a party takes or took part: who opened the crisis, agencies, those that joined."""
    return (
        party.kind == PartyKind.AGENCY
        or party.name == facts.opened_by
        or facts.states.get(party.name) is JoinState.JOINED
    )


def is_in_room(facts: CrisisFacts, party: PartyNamed) -> bool:
    """Whether a party takes part now.

    Once the tail of a crisis is over, of those that joined only kinds that lead are left.
    """
    is_left = (
        party.kind == PartyKind.AGENCY
        or party.name == facts.opened_by
        or party.kind in facts.framework.leads
    )
    return took_part(facts, party) and (is_left or not facts.is_ended)


def is_insider(facts: CrisisFacts, party: PartyNamed) -> bool:
    """Whether a party reads the log: those in the room, and coordinating kinds."""
    return party.kind in COORDINATING or is_in_room(facts, party)


def is_over_for(facts: CrisisFacts, party: PartyNamed) -> bool:
    """Whether a crisis has ended, and a party reads no more of its content."""
    return facts.is_ended and not is_insider(facts, party)


def check_in_room(facts: CrisisFacts, party: PartyNamed) -> None:
    """Check that a party has joined the crisis: only then it acts there, or is acted upon."""
    if not is_in_room(facts, party):
        if facts.is_ended and facts.states.get(party.name) is JoinState.JOINED:
            raise NotAllowedError(
                "this crisis has ended, and the access of parties that joined it ended with it:"
                " ask the party that opened it, or an agency"
            )
        raise NotAllowedError("your party is not a participant of this crisis: join it first")


def check_leads(facts: CrisisFacts, *, by: Acting, act: str) -> None:
    """Check that the actor is an authority or agency in the room. act: as in "activates"."""
    if by.kind not in facts.leads:
        kinds = " or ".join(facts.leads)
        raise NotAllowedError("only {kinds} {what}: ask one", kinds=kinds, what=act)
    check_in_room(facts, by)


def accepts_signals(facts: CrisisFacts, *, now: datetime) -> bool:
    """Whether signals may join the crisis: in open stages, and while a closed one has its tail."""
    tail = facts.tail_ends_at
    return facts.at.is_open or (facts.at.tail_days is not None and tail is not None and now < tail)


def check_warn(*, by: Acting) -> None:
    """Check that the party may raise a warning: all but observers may."""
    if by.kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers cannot raise warnings: tell an authority or the agency")
    check_writes(by)


def check_writes(by: Acting) -> None:
    """Check that a person's role may act; machines are bound by the scopes of their key."""
    if by.role is not None:
        check_person_may_write(by.role)


def check_countries(codes: Iterable[str]) -> None:
    """Check that countries are named by upper-case ISO 3166-1 alpha-2 codes."""
    for code in codes:
        check_country(code, field="countries")


def check_triage(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the party may rate a warning: authorities and agencies in the room may.

    A rating is easily replaced, so an analyst may give it too.
    """
    check_leads(facts, by=by, act="rates a warning")
    check_writes(by)
    if facts.stage != facts.framework.first_stage:
        raise ConflictError(
            "the crisis is at {title!r}: only a warning can be rated", title=facts.at.title
        )


def triage_outcome(
    facts: CrisisFacts, *, harm: int, virality: int, requested: TriageOutcome | None, reason: str
) -> tuple[TriageOutcome, TriageOutcome, str]:
    """Return the matrix's outcome, the outcome that counts, and the cell in words.

    raises: InvalidError naming the field.
    """
    matrix = triages()[facts.framework.triage]
    try:
        suggested = matrix.rate(harm=harm, virality=virality)
        words = matrix.explain(harm=harm, virality=virality)
    except TriageError as error:
        axis, _, message = str(error).partition(": ")
        raise InvalidError(axis, message) from error
    if requested in {None, suggested}:
        return suggested, suggested, words
    if not reason.strip():
        raise InvalidError(
            "reason",
            "the matrix suggests {suggested}: give a reason for another result",
            suggested=suggested.replace("_", " "),
        )
    return suggested, requested or suggested, words


def check_answer(facts: CrisisFacts, *, by: Acting, test: str) -> None:
    """Check that the party may answer a test: authorities and agencies, until the crisis closes."""
    check_leads(facts, by=by, act="answers the checklist")
    check_writes(by)
    if test not in facts.framework.tests:
        tests = ", ".join(facts.framework.tests)
        raise InvalidError(
            "test", "there is no test {test!r}; known are {known}", test=test[:60], known=tests
        )
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: its checklist cannot change")


def check_widen(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the party may add countries: authorities and agencies in the room may."""
    check_leads(facts, by=by, act="adds countries")
    check_writes(by)
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: its countries cannot change")


def check_new_countries(facts: CrisisFacts, codes: Iterable[str]) -> None:
    """Check that codes are countries, and that at least one of them is new to the crisis."""
    check_countries(codes)
    if not set(codes) - set(facts.countries):
        named = ", ".join(facts.countries)
        raise ConflictError(
            "{named} is already a country of this crisis: choose another", named=named
        )


def check_measure(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the party may record considered national measures: authorities and agencies may.

    source: European Commission, IP/19/6009 (2019): where national measures do not suffice.
    """
    check_leads(facts, by=by, act="records national measures")
    check_writes(by)
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: its measures cannot change")
