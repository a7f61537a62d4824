# SPDX-License-Identifier: Apache-2.0
"""Acts that wait for a second look, read from second_look.toml. Decision 0113."""

import tomllib
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums import PartyKind, Standing
from stemtide.protocol.trust.standing import SPEAKING_ALONE, PartyTrust

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class WaitingAct(StrEnum):
    """Kinds of act that can wait for a second look."""

    SHARE = "share"
    WITHDRAW = "withdraw"
    DISPUTE = "dispute"
    ORDER = "order"


class Who(StrEnum):
    """Who may give the second look."""

    PERSON = "person"
    PARTY = "party"
    AGENCY = "agency"
    STATE = "state"


class WaitReason(StrEnum):
    """Reasons for which an act waits: the names of the rules."""

    REACH = "reach"
    BROAD = "broad"
    ALLOW_LISTED = "allow_listed"
    MANY_A_DAY = "many_a_day"
    BINDING_ORDER = "binding_order"
    LONE_AUTHORITY = "lone_authority"
    MANY_WITHDRAWALS = "many_withdrawals"
    MANY_DISPUTES = "many_disputes"


class SecondLookRule(BaseModel):
    """A rule of the table. why: the reason in words, for the party that asks.

    by_leaders: only a person in a role that decides may give the second look.
    """

    model_config = _FROZEN

    act: WaitingAct
    who: frozenset[Who] = Field(min_length=1)
    by_leaders: bool = False
    at_once_in_crisis: bool
    why: str


class WaitingLimits(BaseModel):
    """How long acts wait, and how many signals of a party wait at the same time."""

    model_config = _FROZEN

    hours: int = Field(ge=1)
    crisis_hours: int = Field(ge=1)
    open_signals: int = Field(ge=1)


class EndsADay(BaseModel):
    """Signals that a party withdraws, or stops everywhere, in a day before further ones wait."""

    model_config = _FROZEN

    number: int = Field(ge=1)


class SharesADay(BaseModel):
    """Signals that a party shares in a day before further ones wait."""

    model_config = _FROZEN

    new: int = Field(ge=1)
    member: int = Field(ge=1)
    trusted: int = Field(ge=1)
    authority: int = Field(ge=1)

    def of(self, party: PartyTrust) -> int:
        """Return the number for a party."""
        if party.kind in SPEAKING_ALONE:
            return self.authority
        by_standing = {Standing.MEMBER: self.member, Standing.TRUSTED: self.trusted}
        return by_standing.get(party.standing, self.new)


class SecondLook(BaseModel):
    """The whole table of second_look.toml."""

    model_config = _FROZEN

    waiting: WaitingLimits
    rules: dict[WaitReason, SecondLookRule]
    ends_a_day: EndsADay
    shares_a_day: SharesADay

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require a rule for each reason."""
        if missing := set(WaitReason) - set(self.rules):
            raise ValueError(f"rules: {', '.join(sorted(missing))} is missing")
        return self

    def deciders(self, reasons: Iterable[WaitReason]) -> frozenset[Who]:
        """Return who may give the second look for all of these reasons."""
        rules = [self.rules[reason].who for reason in reasons]
        return frozenset.intersection(*rules) if rules else frozenset()

    def is_by_leaders(self, reasons: Iterable[WaitReason]) -> bool:
        """Whether only a person in a role that decides may give the second look."""
        return any(self.rules[reason].by_leaders for reason in reasons)

    def is_at_once_in_crisis(self, reasons: Iterable[WaitReason]) -> bool:
        """Whether an act with these reasons is done at once in an active crisis."""
        return all(self.rules[reason].at_once_in_crisis for reason in reasons)


def roles_towards(*, asker: PartyTrust, looker: PartyTrust) -> frozenset[Who]:
    """Return the role in which a person of a party may look at an act of another person.

    1 A suspended party looks at nothing. A new party looks at its own acts only.
    2 A second party is an authority or agency of another group.
    3 An agency may look at its own acts: another person of it does.
    4 An authority looks at acts of other authorities of its Member State.
    """
    if looker.standing is Standing.SUSPENDED:
        return frozenset()
    is_own = looker.name == asker.name
    roles = {Who.PERSON} if is_own else set()
    if looker.counts and looker.kind is PartyKind.AGENCY:
        roles.add(Who.AGENCY)
    is_of_group = bool(asker.group) and asker.group == looker.group
    if looker.counts and looker.kind in SPEAKING_ALONE and not is_own and not is_of_group:
        roles.add(Who.PARTY)
    if looker.counts and not is_own and looker.state and looker.state == asker.state:
        roles.add(Who.STATE)
    return frozenset(roles)


@cache
def second_look() -> SecondLook:
    """Return the table of second_look.toml."""
    text = files(__package__).joinpath("second_look.toml").read_text("utf-8")
    return SecondLook.model_validate(tomllib.loads(text))
