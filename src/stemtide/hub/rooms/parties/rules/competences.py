# SPDX-License-Identifier: Apache-2.0
"""Which parties a Member State may name for the duties of the regulation.

source: Regulation (EU) 2021/784 Art. 12(1), Art. 2(8) (a competent authority is a State's).
"""

import re

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.protocol.enums import Duty, PartyKind

_SERIES = re.compile(r"[A-Z]{2,4}")

_STATES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
MEMBER_STATES = frozenset(_STATES.split())
"""source: Member States of the European Union, by ISO 3166-1 alpha-2."""


def check_name_competent(duty: Duty, *, kind: PartyKind, country: str, stands: bool) -> None:
    """An authority of a Member State is named, once for each duty; an agency of the Union never.

    raises: InvalidError, ConflictError.
    """
    if kind != PartyKind.AUTHORITY:
        raise InvalidError(
            "party",
            "only an authority is competent under Regulation (EU) 2021/784, no {kind}",
            kind=kind,
        )
    if country not in MEMBER_STATES:
        raise InvalidError(
            "party",
            "its country is {country}, no Member State of the Union: give the party one",
            country=repr(country) if country else "not known",
        )
    if stands:
        raise ConflictError("it is competent to {duty} already", duty=duty)


def check_end_competence(duty: Duty, *, stands: bool) -> None:
    """What does not stand cannot end.

    raises: NotFoundError.
    """
    if not stands:
        raise NotFoundError("it is not competent to {duty}", duty=duty)


def reference(series: str, *, year: int, number: int, state: str = "") -> str:
    """A file reference, as in RO-BE-2026-00001.

    state: of the authority, or EU for an agency, so that no two have one reference; "" where only
           its own party reads it.

    raises: ValueError for a series that is not two to four capital letters.
    """
    if not _SERIES.fullmatch(series):
        raise ValueError(f"a series is named by two to four capital letters, not {series!r}")
    middle = f"{state}-" if state else ""
    return f"{series}-{middle}{year}-{number:05d}"


def shown_reference(reference: str, *, state: str) -> str:
    """A file reference as people read it: with its State, where it is from before that stood in it.

    state: of the authority; "" for an agency.
    """
    is_old = reference.count("-") == 2  # noqa: PLR2004  # RO-2026-00001
    return f"{reference} ({state or 'EU'})" if is_old else reference
