# SPDX-License-Identifier: Apache-2.0
"""Who may warn, answer, activate and close, and when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    allows,
    check_country,
)
from stemtide.protocol.frameworks import Framework
from stemtide.protocol.words import CheckAnswer, PartyKind

__all__ = [
    "CrisisFacts",
    "allows",
    "check_activate",
    "check_answer",
    "check_close",
    "check_countries",
    "check_warn",
    "may_see",
]

CLOCK_SKEW = timedelta(minutes=5)
"""By how much another machine's clock may run ahead of ours."""

LEADING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party that answer the checklist and activate."""


@dataclass(frozen=True, slots=True)
class CrisisFacts:
    """What the rules must know of a crisis. answers: the latest one to each test."""

    framework: Framework
    stage: str
    opened_by: str
    countries: tuple[str, ...]
    answers: Mapping[str, CheckAnswer]


def may_see(facts: CrisisFacts, *, kind: PartyKind) -> bool:
    """Whether a party sees a crisis: observers not before it has left the early warning."""
    return kind is not PartyKind.OBSERVER or facts.stage != facts.framework.first_stage


def check_warn(*, kind: PartyKind) -> None:
    """Everyone who works in the protocol may warn; observers watch."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers do not raise warnings: tell an authority or the agency")


def check_countries(codes: Iterable[str]) -> None:
    """Countries are named by ISO 3166-1 alpha-2 codes, upper case."""
    for code in codes:
        check_country(code, field="countries")


def check_answer(facts: CrisisFacts, *, kind: PartyKind, test: str) -> None:
    """Authorities and agencies answer the tests of a crisis that is not closed."""
    if kind not in LEADING:
        raise NotAllowedError("only an authority or an agency answers the checklist: ask one")
    if test not in facts.framework.tests:
        known = ", ".join(facts.framework.tests)
        raise InvalidError("test", f"there is no test {test[:60]!r}; known are {known}")
    if not facts.framework.stages[facts.stage].is_open:
        raise ConflictError("this crisis is closed: its checklist stays as it is")


def check_activate(facts: CrisisFacts, *, kind: PartyKind) -> None:
    """Authorities and agencies activate, across borders, once every test is answered yes.

    source: Regulation (EU) 2016/794 Art. 2(t); European Commission, IP/19/6009 (2019): for
            situations in which national measures do not suffice for a cross-border response.
    """
    framework = facts.framework
    if kind not in LEADING:
        raise NotAllowedError("only an authority or an agency activates the protocol: ask one")
    _check_move(facts, to=framework.active_stage)
    if len(set(facts.countries)) < framework.needs_countries:
        raise ConflictError(
            f"it touches {len(set(facts.countries))} country: activation needs"
            f" {framework.needs_countries}; what stays in one Member State is handled there"
        )
    open_tests = [test for test in framework.tests if facts.answers.get(test) != CheckAnswer.YES]
    if open_tests:
        raise ConflictError(
            f"not every test of the checklist is answered yes: {', '.join(open_tests)}"
        )


def check_close(facts: CrisisFacts, *, kind: PartyKind, name: str) -> None:
    """Who opened a crisis, or an agency, closes it."""
    if kind is not PartyKind.AGENCY and name != facts.opened_by:
        raise NotAllowedError(
            f"only {facts.opened_by}, who opened this crisis, or an agency closes it: ask them"
        )
    _check_move(facts, to=facts.framework.closed_stage)


def _check_move(facts: CrisisFacts, *, to: str) -> None:
    """A crisis moves as its framework's data says."""
    stages = facts.framework.stages
    if to not in stages[facts.stage].moves:
        raise ConflictError(
            f"this crisis stands at {stages[facts.stage].title!r}, from where it does not move to"
            f" {stages[to].title!r}"
        )
