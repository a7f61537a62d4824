# SPDX-License-Identifier: Apache-2.0
"""Messages about all open disputes of a party, which an agency sets aside at once."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.trust.parties import Why

_STRICT = ConfigDict(extra="forbid", frozen=True)


class PartyDisputesOut(BaseModel):
    """How many real, live signals a party disputes, without those that were set aside."""

    party: str
    count: int


class OpenDisputesOut(BaseModel):
    """The open disputes of a party and of its group that the agency may see.

    parties: those that dispute anything. count: the sum, which the decision must repeat.
    """

    party: str
    group: str
    count: int
    parties: list[PartyDisputesOut]


class DismissIn(BaseModel):
    """Set all open disputes of a party, and of its group, aside. No personal data.

    count: of the disputes that you were shown; another number is refused.
    """

    model_config = _STRICT

    count: int = Field(ge=1)
    reason: Why


class DismissalAnswerIn(BaseModel):
    """Answer the agency that set your party's disputes aside, once for all. No personal data."""

    model_config = _STRICT

    text: Why


class DismissedPartyOut(PartyDisputesOut):
    """A party whose disputes were set aside. answer: for that party and agencies only."""

    answer: str = ""
    answered_at: AwareDatetime | None = None


class DismissalOut(BaseModel):
    """The decision of an agency that many disputes do not count elsewhere.

    party: the one that was named; parties: all whose disputes were set aside, for agencies; for
    others their own. count: of the disputes. restored_by: the agency that took the decision back.
    """

    id: UUID
    party: str
    count: int
    parties: list[DismissedPartyOut]
    reason: str
    by: str
    at: AwareDatetime
    restored_by: str | None = None
    restored_at: AwareDatetime | None = None
