# SPDX-License-Identifier: Apache-2.0
"""Rules of holds: who may ask to leave content alone, for how long, and what a hold delays.

A hold leaves possibly harmful content online. So it is short, it ends by itself, and a person
decides on each extension. It may delay a referral. It never delays a received removal order: the
one hour of the law runs, and both sides only learn of the hold.

source: Regulation (EU) 2021/784 Art. 3(3) (the hour), Art. 14(1) (no interference with
        investigations); the rest is our choice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.parties.rules.standing import Acting
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING
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
"""How far ahead a hold may end. A week is enough to secure evidence or to announce an arrest; for
more time, a person reviews the hold and extends it."""

SHORTEST = timedelta(minutes=5)
"""A shorter hold would end before anybody found it."""


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """The facts that the rules need of a hold. holder: a name."""

    state: HoldState
    holder: str


def may_see(facts: HoldFacts, *, name: str, kind: PartyKind) -> bool:
    """Whether a party sees a hold as such: its holder and agencies. Others meet it."""
    return kind is PartyKind.AGENCY or name == facts.holder


def check_place(*, kind: PartyKind, role: Role | None) -> None:
    """Check that the party may place a hold: authorities and agencies may, in a leading role."""
    if kind not in REFERRING:
        raise NotAllowedError("only an authority or an agency can request a hold: contact one")
    check_person_may_lead(role)


def check_until(until: datetime, *, now: datetime) -> None:
    """Check that a hold ends soon. raises: InvalidError naming the latest time."""
    if until < now + SHORTEST:
        raise InvalidError("until", "is in the past or too near: enter a later time")
    if until > now + LONGEST:
        raise InvalidError(
            "until",
            "a hold lasts {days} days at most, until {latest:%Y-%m-%d %H:%M} UTC; you can "
            "extend it then",
            days=LONGEST.days,
            latest=now + LONGEST,
        )


def check_move(facts: HoldFacts, name: str, *, by: Acting) -> HoldState:
    """Return the state after the holder's move. raises: NotAllowedError, ConflictError."""
    if by.name != facts.holder:
        raise NotAllowedError(
            "only {holder} can do this: the hold belongs to it", holder=facts.holder
        )
    check_person_may_lead(by.role)
    try:
        return HoldState(machine("hold").to(facts.state, name, side="holder"))
    except WrongMoveError as error:
        raise ConflictError(
            "this hold is already {state}: place a new one", state=facts.state.value
        ) from error


def check_override(reason: str) -> None:
    """Check that the emergency that overrides a hold is explained. raises: InvalidError."""
    if len(reason.strip()) < 10:  # noqa: PLR2004  # too short for a reason
        raise InvalidError("override", "describe the emergency in at least 10 characters")
