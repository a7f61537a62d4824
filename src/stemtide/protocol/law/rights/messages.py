# SPDX-License-Identifier: Apache-2.0
"""Messages about requests of data subjects. None of them has free text."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from stemtide.protocol.enums.rights import (
    DataLaw,
    DataRight,
    ExtensionReason,
    RightsOutcome,
    RightsState,
)

_STRICT = ConfigDict(extra="forbid", frozen=True)

FileNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,59}$")]
"""A party's own number of its file. It names nobody."""


class RightsRequestIn(BaseModel):
    """Note a request that a party received.

    reference: of the party's own file, where the name and the letters are.
    law: that binds the party here; null for that of its kind.
    """

    model_config = _STRICT

    reference: FileNumber
    right: DataRight
    received_on: date
    law: DataLaw | None = None
    exercise: bool = False


class RightsExtensionIn(BaseModel):
    """Take more time, within the first term. informed_on: when the person was told the reason."""

    model_config = _STRICT

    reason: ExtensionReason
    informed_on: date


class RightsAnswerIn(BaseModel):
    """Note the answer. answered_on: when it was sent to the person."""

    model_config = _STRICT

    outcome: RightsOutcome
    answered_on: date


class RightsRequestOut(BaseModel):
    """A request, as the party that received it reads it.

    article: of the right. due_at: when it must be answered. may_extend: more time is possible.
    reference: "" once it is erased.
    """

    id: UUID
    reference: str
    right: DataRight
    law: DataLaw
    article: str
    state: RightsState
    received_on: date
    due_at: AwareDatetime
    is_overdue: bool
    may_extend: bool
    extension: ExtensionReason | None = None
    informed_on: date | None = None
    outcome: RightsOutcome | None = None
    answered_on: date | None = None
    exercise: bool
    erase_due: AwareDatetime | None = None
    erased_at: AwareDatetime | None = None


class RightsRequestPage(BaseModel):
    """Requests of a party: open ones first, by due time. next: give it as `after`; null at the end.

    open, overdue: counts of all of them.
    """

    requests: list[RightsRequestOut]
    next: UUID | None
    open: int
    overdue: int
