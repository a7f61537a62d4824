# SPDX-License-Identifier: Apache-2.0
"""Rules for competences: which parties a Member State may appoint for the regulation's duties.

source: Regulation (EU) 2021/784 Art. 12(1), Art. 2(8) (a competent authority is a State's).
"""

import re

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
)
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.parties.rules import proposals
from stemtide.hub.rooms.parties.rules.standing import Acting, check_oversees
from stemtide.protocol.enums import Duty, PartyKind

_SERIES = re.compile(r"[A-Z]{2,4}")

_REFERENCE = re.compile(r"([A-Z]{2,4})-(?:([A-Z]{2})-)?([0-9]{4})-([0-9]{1,9})(?: \([A-Z]{2}\))?")

_STATES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
MEMBER_STATES = frozenset(_STATES.split())
"""source: Member States of the European Union, by ISO 3166-1 alpha-2."""


def check_propose(*, by: Acting) -> None:
    """Refuse proposals about competences to all but coordinators of an agency, also to keys."""
    check_oversees(by)
    check_person_may_manage(by.role)


def check_confirm(author_ref: str, *, by: Acting) -> None:
    """Refuse to confirm one's own proposal. author_ref: its author, as the ledger names it.

    A competence lets an authority issue removal orders, so it takes two people.
    """
    check_propose(by=by)
    proposals.check_another_confirms(author_ref, by=by)


def check_name_competent(duty: Duty, *, kind: PartyKind, country: str, is_competent: bool) -> None:
    """Refuse an appointment of any party but a Member State's authority, or a second time.

    raises: InvalidError, ConflictError.
    """
    if kind != PartyKind.AUTHORITY:
        raise InvalidError(
            "party",
            "only an authority can be competent under Regulation (EU) 2021/784, not a party "
            "of the kind {kind}",
            kind=kind,
        )
    if country not in MEMBER_STATES:
        raise InvalidError(
            "party",
            "its country {country} is not a Member State of the Union: change the party's country",
            country=repr(country) if country else "not known",
        )
    if is_competent:
        raise ConflictError("it is already competent to {duty}", duty=duty)


def check_end_competence(duty: Duty, *, is_competent: bool) -> None:
    """Refuse to end a competence that does not exist.

    raises: NotFoundError.
    """
    if not is_competent:
        raise NotFoundError("it is not competent to {duty}", duty=duty)


def reference(series: str, *, year: int, number: int, state: str = "") -> str:
    """Return a file reference, as in RO-BE-2026-00001.

    state: of the authority, or EU for an agency, so that references are unique; "" if only its own
           party reads it.

    raises: ValueError for a series that is not two to four capital letters.
    """
    if not _SERIES.fullmatch(series):
        raise ValueError(f"a series is named by two to four capital letters, not {series!r}")
    middle = f"{state}-" if state else ""
    return f"{series}-{middle}{year}-{number:05d}"


def read_reference(text: str) -> str:
    """Return the stored form of a file reference, however it was typed; "" if a text is none.

    Its letters may be small and the noughts of its number left out: "ro-be-2026-1". What
    shown_reference() adds in brackets is ignored.
    """
    match = _REFERENCE.fullmatch(text.strip().upper())
    if match is None:
        return ""
    series, state, year, number = match.groups(default="")
    return reference(series, year=int(year), number=int(number), state=state)


def shown_reference(reference: str, *, state: str) -> str:
    """Return a file reference for display: with its State, if it is older than that part.

    state: of the authority; "" for an agency.
    """
    is_old = reference.count("-") == 2  # noqa: PLR2004  # RO-2026-00001
    return f"{reference} ({state or 'EU'})" if is_old else reference
