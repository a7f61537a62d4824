# SPDX-License-Identifier: Apache-2.0
"""Messages about parties: their standing, its history, and proposals to suspend."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.enums import Duty, PartyKind, ProposalState, Standing
from stemtide.protocol.texts import THREE_CHARACTERS

_STRICT = ConfigDict(extra="forbid", frozen=True)

Why = Annotated[str, THREE_CHARACTERS, StringConstraints(max_length=500)]
GroupName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?)?$")]
"""The name of a group or of a mechanism, as names of parties are written; "" for none."""


class StandingIn(BaseModel):
    """A new standing of a party, with the reason. Suspending takes a proposal."""

    model_config = _STRICT

    standing: Standing
    reason: Why


class GroupIn(BaseModel):
    """The group of a party, with the reason: parties of one group count once. "" for none."""

    model_config = _STRICT

    group: GroupName
    reason: Why


class PartyTitleIn(BaseModel):
    """The full name of a party."""

    model_config = _STRICT

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class DutyIn(BaseModel):
    """A duty of an authority, with the reason to name or end it."""

    model_config = _STRICT

    duty: Duty = Field(strict=False)
    reason: Why


class ConfirmPersonIn(BaseModel):
    """A person of a party who alone uses their account. person: their number."""

    model_config = _STRICT

    person: int = Field(ge=1)


class DigestsIn(BaseModel):
    """Whether a party's word alone is enough for exact digests, with the reason."""

    model_config = _STRICT

    speaks_for_digests: bool
    reason: Why


class MechanismIn(BaseModel):
    """The crisis mechanism that a party speaks for, such as "gifct"; "" for none."""

    model_config = _STRICT

    mechanism: GroupName


class SuspensionIn(BaseModel):
    """A proposal to suspend a party, or to lift its suspension. The party reads the reason."""

    model_config = _STRICT

    lifts: bool = False
    reason: Why


class SuspensionReasonIn(BaseModel):
    """The reason for declining a proposal."""

    model_config = _STRICT

    reason: Why


class PartyOut(BaseModel):
    """A party and its standing.

    speaks_for_digests: its word alone is enough for exact digests.
    mechanism: the crisis mechanism whose activations it notes and ends itself; "" for none.
    """

    name: str
    title: str
    kind: PartyKind
    country: str
    joined_at: AwareDatetime
    standing: Standing
    group: str
    speaks_for_digests: bool
    mechanism: str = ""


class StandingChangeOut(BaseModel):
    """A change of a party's standing, group or right.

    by: the party that made it, None for the hub. second: the party whose person confirmed.
    """

    before: Standing
    after: Standing
    group: str
    speaks_for_digests: bool
    reason: str
    by: str | None
    second: str | None
    at: AwareDatetime


class PartyDetailOut(PartyOut):
    """A party with the history of its standing, latest first.

    history: for agencies and the party itself; empty for others.
    """

    history: list[StandingChangeOut]


class SuspensionOut(BaseModel):
    """A proposal to suspend a party, or to lift its suspension.

    by, decided_by: parties. is_machine: whether a key proposed it: another agency must confirm.
    """

    id: UUID
    party: str
    lifts: bool
    state: ProposalState
    reason: str
    by: str
    is_machine: bool
    at: AwareDatetime
    expires_at: AwareDatetime
    decided_by: str | None
    decided_at: AwareDatetime | None
    decided_reason: str = Field(default="")
