# SPDX-License-Identifier: Apache-2.0
"""Rules of holds: who may ask to leave content alone, for how long, and what a hold delays.

A hold leaves content that may do harm where it is, so it is short, it ends by itself, and each
further week is somebody's decision. It may delay a referral. It never delays a removal order that
was received: the law's hour runs, and a hold is only pointed out to both.

source: Regulation (EU) 2021/784 Art. 3(3) (the hour), Art. 14(1) (no interference with
        investigations); the rest is our choice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING, Acting
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import HoldState
from stemtide.protocol.law.machines import WrongMoveError, machine

__all__ = [
    "LONGEST",
    "HoldFacts",
    "allows",
    "check_move",
    "check_override",
    "check_place",
    "check_until",
    "may_see",
]

LONGEST = timedelta(days=7)
"""How far ahead a hold may end. A week is time enough to secure evidence or to make an arrest known
to those who must know; what takes longer is looked at again, and extended by somebody."""

SHORTEST = timedelta(minutes=5)
"""A shorter one would be over before anybody met it."""


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """The facts that the rules need of a hold. holder: a name."""

    state: HoldState
    holder: str


def may_see(facts: HoldFacts, *, name: str, kind: PartyKind) -> bool:
    """Whether a party sees a hold as such: its holder and agencies. Others meet it."""
    return kind is PartyKind.AGENCY or name == facts.holder


def check_place(*, kind: PartyKind, role: Role | None) -> None:
    """Authorities and agencies ask for holds, by somebody who leads."""
    if kind not in REFERRING:
        raise NotAllowedError("only an authority or an agency asks for a hold: tell one of them")
    check_person_may_lead(role)


def check_until(until: datetime, *, now: datetime) -> None:
    """Check that a hold ends soon. raises: InvalidError naming the latest time."""
    if until < now + SHORTEST:
        raise InvalidError("until", "is over, or nearly: name a later moment")
    if until > now + LONGEST:
        raise InvalidError(
            "until",
            "a hold leaves content where it is, so it ends within {days} days, by"
            " {latest:%Y-%m-%d %H:%M} UTC; it can be extended then",
            days=LONGEST.days,
            latest=now + LONGEST,
        )


def check_move(facts: HoldFacts, name: str, *, by: Acting) -> HoldState:
    """Return the state after the holder's move. raises: NotAllowedError, ConflictError."""
    if by.name != facts.holder:
        raise NotAllowedError("only {holder} does that: the hold is theirs", holder=facts.holder)
    check_person_may_lead(by.role)
    try:
        return HoldState(machine("hold").to(facts.state, name, by="holder"))
    except WrongMoveError as error:
        raise ConflictError(
            "this hold is {state} already: place a new one", state=facts.state.value
        ) from error


def check_override(reason: str) -> None:
    """Sending over a hold takes an emergency, in words. raises: InvalidError."""
    if len(reason.strip()) < 10:  # noqa: PLR2004  # shorter says nothing
        raise InvalidError("override", "say what the emergency is, in at least 10 characters")
