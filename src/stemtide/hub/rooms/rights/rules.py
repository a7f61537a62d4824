# SPDX-License-Identifier: Apache-2.0
"""Rules of requests of data subjects: who notes and answers them, and by when. Decision 0201."""

from datetime import date, datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.rights import DataLaw, DataRight, RightsState
from stemtide.protocol.law.machines import WrongMoveError, machine
from stemtide.protocol.law.rights import answer_due, rights

OPEN_STATES = frozenset({RightsState.OPEN, RightsState.EXTENDED})
"""States in which a request waits for its answer."""


def law_of(kind: PartyKind, *, named: DataLaw | None) -> DataLaw:
    """Return the law that binds a party. named: by the party itself. raises: InvalidError."""
    if named is None:
        return rights().defaults[kind]
    if kind not in rights().laws[named].kinds:
        possible = sorted(rights().laws_of(kind))
        raise InvalidError(
            "law",
            "{law} does not bind your kind of party ({kind}): use one of {known}",
            law=named,
            kind=kind,
            known=", ".join(possible),
        )
    return named


def check_right(right: DataRight, *, law: DataLaw) -> None:
    """Refuse a right that a law does not give. raises: InvalidError."""
    if right not in rights().laws[law].rights:
        raise InvalidError(
            "right",
            "{law} gives no right to {right}: choose another right, or another law",
            law=rights().laws[law].title,
            right=right,
        )


def check_day(name: str, day: date, *, earliest: date | None = None, now: datetime) -> None:
    """Refuse a day that has not begun anywhere, or that is before another. raises: InvalidError."""
    if day.toordinal() > now.toordinal() + 1:
        raise InvalidError(name, "is in the future: give the day on which it happened")
    if earliest is not None and day < earliest:
        raise InvalidError(
            name,
            "is before {earliest:%Y-%m-%d}, when the request was received: correct the day",
            earliest=earliest,
        )


def check_reference(*, is_there: bool) -> None:
    """Refuse to note a file twice for the same right. raises: ConflictError."""
    if is_there:
        raise ConflictError(
            "your party has noted this right for this file already: open that request, or give"
            " another reference"
        )


def check_extend(*, law: DataLaw, due_at: datetime, informed_on: date) -> None:
    """Refuse more time where the law gives none, or where the person was told too late.

    raises: ConflictError, InvalidError.
    source: Regulation (EU) 2016/679 Art. 12(3).
    """
    rule = rights().laws[law]
    if not rule.more_months:
        raise ConflictError("{source}: no extension is possible", source=rule.source)
    # The term ends at midnight, which belongs to the day before.
    if informed_on.toordinal() >= due_at.toordinal():
        raise InvalidError(
            "informed_on",
            "is after the term ended: the person must be informed of an extension by"
            " {due_at:%Y-%m-%d %H:%M} UTC",
            due_at=due_at,
        )


def extended_due(*, law: DataLaw, received_on: date) -> datetime:
    """Return when a request must be answered once it is extended."""
    return answer_due(law, received_on=received_on, extended=True)


def may_extend(state: RightsState, *, law: DataLaw) -> bool:
    """Whether more time is possible."""
    return state is RightsState.OPEN and rights().laws[law].more_months > 0


def state_after(state: str, move: str) -> RightsState:
    """Return the state after a move. raises: ConflictError."""
    try:
        return RightsState(machine("rights_request").to(state, move, side="controller"))
    except WrongMoveError as error:
        raise ConflictError(
            "this request is {state}: only an open request can be changed, and extended once",
            state=state,
        ) from error
